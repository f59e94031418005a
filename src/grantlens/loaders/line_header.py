"""The header that syslog, a container runtime or a collector writes before the one JSON object of a line."""

import json
import re

_ISO = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)"
_BSD = r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d"
_DATA = r'(?:-|(?:\[[^\s="\]]+(?: [^\s="\]]+="(?:[^"\\]|\\.)*")*\])+)'
_CEE = r"(?:@cee: ?)?"

_GRAFANA = rf"(?:\d{{13}}\t{_ISO}|\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{{3}})\t"

_HEADERS = (
    rf"(?:<\d{{1,3}}>)?(?:{_BSD}|{_ISO}) \S+ [\w./-]+(?:\[\d+\])?: ?{_CEE}",  # syslog: RFC 3164, and rsyslog with a time of ISO 8601
    rf"<\d{{1,3}}>1 (?:{_ISO}|-) \S+ \S+ \S+ \S+ {_DATA} {{1,2}}\ufeff?{_CEE}",  # syslog: RFC 5424
    rf"{_ISO} (?:(?:stdout|stderr) F )?",  # CRI, `F` for whole; kubectl logs --timestamps, CloudWatch Logs exported to S3
    rf"{_ISO} (?=[A-Za-z\d.$\[\]]{{0,99}}[-_/])[\w./$\[\]-]{{1,512}} ",  # aws logs tail: the stream, whose name is no level
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d ",  # aws logs tail --format short
    rf"\[pod/[\w.-]+/[\w.-]+\] (?:{_ISO} )?",  # kubectl logs --prefix
    rf"[\w.-]+ +\| (?:{_ISO} )?",  # docker compose logs
    r'[\w.-]{1,253} (?=\{"kind":"Event","apiVersion":"audit\.k8s\.io/)',  # oc adm node-logs of several nodes: each line's node
    rf"{_ISO}\t[\w.:*-]+\t",  # fluentd's out_file
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{9} [+-]\d{4} [\w.:*-]+: ",  # fluentd's out_stdout
    _GRAFANA,  # Explore, downloaded as text
    r"@cee: ?",
)
_PART = re.compile(rf"{_ISO} (?:stdout|stderr) P ", re.ASCII)
_CRI = re.compile(rf"{_ISO} (?:stdout|stderr) F ", re.ASCII)
_HEADER = re.compile(rf"(?:{'|'.join(_HEADERS)})(?=\{{)", re.ASCII)
_EXPLORED = re.compile(rf"{_GRAFANA}\{{", re.ASCII)

NO_RECORD = ('{"log":', '{"id":""')
"""How objects begin that are no record of anybody: what Docker writes of a line, and what CloudWatch Logs says for itself."""


def without_header(line: str) -> str:
    """Return the object of a line, or the line if it begins with no header known here: what stands behind other words, a stranger may have written.

    Examples
    --------
    >>> without_header('<38>Jul  1 10:00:05 vault-1 vault[812]: {"id": 1}')
    '{"id": 1}'
    >>> without_header('user said {"id": 1}')
    'user said {"id": 1}'
    """
    header = _HEADER.match(line)
    return line[header.end() :] if header else line


def is_of_grafana(line: str) -> bool:
    r"""Tell a line that Grafana's Explore found and saved as text.

    Examples
    --------
    >>> is_of_grafana('1782900005123\t2026-07-01T10:00:05.123Z\t{"id": 1}'), is_of_grafana('{"id": 1}')
    (True, False)
    """
    return _EXPLORED.match(line) is not None


def no_record(line: str) -> str | None:
    """Say what a line is that holds part of a record, or what a collector says for itself; None if it looks like neither.

    It is asked of lines that hold no record.

    Examples
    --------
    >>> no_record('2026-07-01T10:00:00.1Z stdout P {"id": ')
    'only part of a record, cut by the container runtime (CRI flag P)'
    """
    if _PART.match(line):
        return "only part of a record, cut by the container runtime (CRI flag P)"
    if _HEADER.match(line):
        return "only part of a record, cut by what wrote the header: the object behind it does not end"
    if _CRI.match(line):
        return "no object behind the header of CRI: another line of the container, or the rest of a record that was cut"
    held = _json(line) if line.startswith(NO_RECORD) else None
    if held and "stream" in held and isinstance(log := held["log"], str):
        if not log.startswith("{"):
            return "no object in Docker's `log`: another line of the container, or the rest of a record that was cut"
        if not log.endswith("\n") and _json(log) is None:
            return "only part of a record, cut by Docker: `log` ends without an end of line"
    if held and str(held.get("message")).startswith("CWL CONTROL MESSAGE: "):
        return "no record: CloudWatch Logs asked whether its subscription gets through (CONTROL_MESSAGE)"
    return None


def _json(text: str) -> dict | None:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
