"""Which loader reads a file: told by what its first records hold, never by its name."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace

from grantlens.errors import LoadError
from grantlens.given_path import in_shell
from grantlens.handwritten import did_you_mean
from grantlens.loaders import Loader, Settings, Unfound, loaders, siem
from grantlens.loaders.console.too_little import too_little
from grantlens.reading.one_file import Reading
from grantlens.reading.shape import told_error
from grantlens.schema import TIMES
from grantlens.secrecy import RAW_TOKEN, masked
from grantlens.visible import visible

UNLIKE = "the first records are not as it recognises its own"
"""Said of a file that the user has read by something that would not have known it."""


def choose(reading: Reading, wanted: str | Loader | None = None, settings: Settings | None = None) -> Loader:
    """Return the loader of a file, fitted to its spelling and to what the user said of it.

    Parameters
    ----------
    reading
        The opened file.
    wanted
        The loader, or its name, if the user named one.
    settings
        What the user said of the log.

    Raises
    ------
    LoadError
        If no loader knows these records, none has that name, or the log needs a setting that was not given.
    """
    chosen, known = _chosen(reading, wanted)
    chosen = chosen.configured(settings or Settings())
    if known is not None:
        zone = settings.time_zone if settings else None
        chosen = siem.taking_out(chosen, known.recognise, reading.unwrapped_sample(), zone)
    if reading.shape == "text" and known is None and not (chosen.text or chosen.decode):
        raise reading.unreadable()
    reading.split = chosen.split
    return chosen


def _chosen(reading: Reading, wanted: str | Loader | None) -> tuple[Loader, Loader | None]:
    """Return the fitted loader, and beside it the loader that knows its records only inside those of a SIEM."""
    if isinstance(wanted, Loader):
        return wanted.fitted(_sample_for(wanted, reading)), None
    known = loaders() if wanted is None else {wanted: named(wanted)}
    if reading.sample and (little := too_little(reading.columns or ())):
        raise LoadError(f"{reading.path} is {little[0]}.", little[1])
    found = _found(reading, known, some=wanted is not None)
    if found is not None:
        return found
    if wanted is not None:
        return known[wanted].fitted(reading.unwrapped_sample()), None
    raise _unknown(reading, known)


def is_known(reading: Reading) -> bool:
    """True if a loader knows these records."""
    return _found(reading, loaders()) is not None


def _found(reading: Reading, known: dict[str, Loader], *, some: bool = False) -> tuple[Loader, Loader | None] | None:
    unwrapped = reading.unwrapped_sample()
    # What knows a row by other cells would take its times for missing.
    if not any(name.endswith(siem.ZONES) for name in reading.columns or ()):
        for sample in (reading.sample, unwrapped):
            for loader in known.values():
                if sample and recognises(loader, sample):
                    return loader.fitted(sample), None
    within = siem.within(unwrapped, known.values(), some=some)
    if within is None:
        return None
    loader, records = within
    return loader.fitted(records), loader


def named(name: str) -> Loader:
    """Return the loader of a name, or raise an error that tells the nearest.

    Examples
    --------
    >>> named("okta").name
    'okta'
    """
    known = loaders()
    if name not in known:
        remedy = did_you_mean(name, known, f"There are: {', '.join(known)}.")
        raise LoadError(f"There is no loader {name!r}.", remedy)
    return known[name]


def recognises(loader: Loader, sample: list[dict]) -> bool:
    """Ask a loader; records of a shape that it cannot even look at are not its own."""
    try:
        return bool(loader.recognise(sample))
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        return False


def unfound(loader: Loader, wanted: str | Loader | None, reading: Reading) -> Sequence[Unfound]:
    """Return the paths at which none of the first records has anything, of a mapping that the user named."""
    if not isinstance(wanted, Loader) or loader.unfound is None:
        return ()
    return [
        replace(each, near=None) if each.near and re.search(RAW_TOKEN, each.near) else each
        for each in loader.unfound(_sample_for(loader, reading))
    ]


def doubts(loader: Loader, wanted: str | Loader | None, reading: Reading) -> list[str]:
    """Return why a mapping that the user named may be the wrong one, or mistyped: what stands beside the file it read."""
    if not isinstance(wanted, Loader):
        return []
    found = [] if recognises(loader, _sample_for(loader, reading)) else [UNLIKE]
    wrong = [str(each) for each in unfound(loader, wanted, reading) if each.near or each.what in TIMES.values()]
    if wrong:
        found.append(f"none of the first records has {', '.join(wrong)}")
    return found


def _sample_for(loader: Loader, reading: Reading) -> list[dict]:
    return reading.sample if recognises(loader, reading.sample) else reading.unwrapped_sample()


def _unknown(reading: Reading, known: dict[str, Loader]) -> LoadError:
    if reading.shape == "text":
        return reading.unreadable()
    sample = reading.unwrapped_sample()
    if not sample:
        return LoadError(
            f"{reading.path}: none of the first records is a JSON object, so no loader can know it.",
            "Name the loader with --loader, if it is a log at all.",
        )
    if len(sample) == 1 and told_error(sample[0]):
        told = masked(json.dumps(sample[0], ensure_ascii=False), 120)
        return LoadError(
            f"{reading.path} holds an error that a server answered with, and no records: {told}.",
            "Fetch the log again.",
        )
    if dataset := siem.taken_apart(sample):
        return LoadError(
            f"{reading.path}: Elastic's integration took these records of {visible(dataset, longest=60)} apart, and kept no original.",
            "Switch on 'Preserve original event' (preserve_original_event) in the integration, and load what comes then; "
            "or fetch the log from its provider.",
        )
    some = [name for name, loader in known.items() if siem.few_within(sample, loader)]
    if some:
        return LoadError(
            f"{reading.path}: the first records are of several logs; inside some there are records of {', '.join(some)}.",
            f"Cut the file apart, or name one log: --loader {some[0]}. What is none of it is rejected and counted.",
        )
    keys = list(sample[0])
    shared = {name: len(set(keys) & _fields(loader)) for name, loader in known.items()}
    nearest = max(shared, key=lambda name: shared[name], default=None)
    seen = ", ".join(masked(repr(key)[1:-1], 40) for key in keys[:6]) + (", ..." if len(keys) > 6 else "")
    begin = f"begin a mapping: grantlens load --explain {in_shell(reading.path)}"
    remedy = begin[0].upper() + begin[1:]
    if nearest and shared[nearest]:
        remedy = f"The nearest is {nearest}; if that is right, name it with --loader. If not, {begin}"
    return LoadError(f"{reading.path}: no loader knows these records; the first has the keys {seen}.", remedy)


def _fields(loader: Loader) -> set[str]:
    try:
        return set(json.loads(loader.fields))
    except ValueError:
        return set()
