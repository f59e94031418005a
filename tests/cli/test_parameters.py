"""`--set`: parameters of rules on the command line, as Python takes them."""

import json
import shlex

import pytest

import grantlens as gl
from grantlens.cli.parameters import numbers
from grantlens.errors import RuleError

WINDOW = ("--since", "2026-07-03", "--until", "2026-10-01", "--now", "2026-10-01")


def dormant(ran):
    return {finding["grant_id"] for finding in json.loads(ran.out) if finding["verdict"] == "violation"}


def test_a_parameter_changes_what_a_rule_finds(run, sample_file):
    asked = ("detect", sample_file, "PRV-3", *WINDOW, "--format", "json")
    usual, sooner = dormant(run(*asked)), dormant(run(*asked, "--set", "dormant_days=20"))
    assert usual < sooner
    with gl.open(sample_file, read_only=True) as store:
        found = gl.detect.run(
            store.between("2026-07-03", "2026-10-01", now="2026-10-01"), "PRV-3", parameters={"dormant_days": 20}
        )
    assert sooner == {row["grant_id"] for row in found[0].to_dicts() if row["verdict"] == "violation"}


def test_a_report_names_the_command_that_makes_it_again(run, sample_file, tmp_path):
    made, again = tmp_path / "made.json", tmp_path / "again.json"
    settings = ("--set", "dormant_days=40", "--set=min_coverage=0.9", "--set", "leaver_hours=4")
    assert run("report", sample_file, "-o", made, *WINDOW, *settings).code == 0
    document = json.loads(made.read_text())
    told = {rule["id"]: {each["name"]: each["value"] for each in rule["parameters"]} for rule in document["rules"]}
    assert told["PRV-3"] == {"dormant_days": 40, "min_coverage": 0.9}
    assert told["REV-10"]["leaver_hours"] == 4
    assert told["PRV-4"]["min_coverage"] == 0.9, "a name sets the parameter of every rule that has it"
    command = document["reproduce"]["command"]
    assert command.endswith(" --set dormant_days=40 --set leaver_hours=4.0 --set min_coverage=0.9")
    words = shlex.split(command.replace("STORE", shlex.quote(str(sample_file))).replace("report.html", str(again)))
    assert run(*words[1:]).code == 0
    assert again.read_text() == made.read_text()


@pytest.mark.parametrize("wrong", ["dormant_days", "dormant_days=", "=40", "dormant_days=soon", "dormant_days=40d", ""])
def test_a_setting_is_a_name_and_a_number(run, sample_file, wrong):
    ran = run("detect", sample_file, "--set", wrong)
    assert ran.code == 2
    assert ran.err == f"grantlens: --set takes NAME=NUMBER, not {wrong!r}. Write it like --set dormant_days=60.\n"


def test_nothing_is_set_twice():
    with pytest.raises(RuleError, match="people is set twice"):
        numbers(["people=3", "people = 4"])


@pytest.mark.parametrize(
    ("asked", "setting", "says"),
    [
        ((), "dormant_day=40", "No rule that is asked has a parameter 'dormant_day'. Did you mean 'dormant_days'?"),
        (("OOS-1",), "dormant_days=40", "OOS-1 has no parameter 'dormant_days'. PRV-3 has it: ask that rule too."),
        (("REV-1",), "burst=4", "REV-1 has no parameter 'burst'. There are none."),
        ((), "min_coverage=95", "Parameter min_coverage is at most 1 (share), not 95. Its default is 0.95."),
        ((), "dormant_days=nan", "Parameter dormant_days takes a number of days that is not negative, not nan. Its default is 90."),
        ((), "people=-1", "Parameter people takes a number of people that is not negative, not -1. Its default is 5."),
        ((), "history_days=99999", "Parameter history_days is at most 36,525 (days), not 99999. Its default is 14."),
    ],
)  # fmt: skip
def test_what_no_rule_takes_is_told_with_what_it_would(run, sample_file, asked, setting, says):
    ran = run("detect", sample_file, *asked, *WINDOW, "--set", setting)
    assert ran.code == 2
    assert ran.err.splitlines()[-1] == f"grantlens: {says}"
