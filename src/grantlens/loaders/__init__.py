"""One provider, one file: how to recognise it, which fields to read, and a SELECT for each log.

A module in this folder that holds one `LOADER` is a loader, and so is a mapping in `mappings/`; a module of the same name in `elastic/` tells
what an integration of Elastic makes of its records. Nothing else has to be changed.
"""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from grantlens.loaders.loader import COVERED, FILE_NUMBER, PLACE_BITS, STRENGTHS, Join, Loader, Unfound
from grantlens.loaders.settings import Settings


@cache
def loaders() -> dict[str, Loader]:
    """Return every loader by its name, sorted.

    Examples
    --------
    >>> "native" in loaders()
    True
    """
    from grantlens.loaders import elastic
    from grantlens.loaders.mapped import shipped

    modules = (import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__))
    found = {module.LOADER.name: module.LOADER for module in modules if hasattr(module, "LOADER")}
    for module in iter_modules(elastic.__path__):
        integration = import_module(f"{elastic.__name__}.{module.name}")
        found[module.name] = elastic.with_documents(found[module.name], integration.taken_apart, integration.as_written)
    found |= {loader.name: loader for loader in shipped()}
    return dict(sorted(found.items()))


__all__ = ["COVERED", "FILE_NUMBER", "PLACE_BITS", "STRENGTHS", "Join", "Loader", "Settings", "Unfound", "loaders"]
