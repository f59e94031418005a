"""Hours of a client: as people write them, and as they are kept."""

import pytest

from grantlens.errors import RegisterError
from grantlens.register.hours import spans
from grantlens.register.register import Register


def kept(text):
    return [(span["weekday"], span["from_minute"], span["until_minute"], span["zone"]) for span in spans(text)]


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("Mon 07:00-19:00", [(1, 420, 1140, "UTC")]),
        ("fri-mon 7:30 - 9:00 Asia/Kathmandu", [(day, 450, 540, "Asia/Kathmandu") for day in (1, 5, 6, 7)]),
        ("Sat,Sun 00:00-24:00", [(6, 0, 1440, "UTC"), (7, 0, 1440, "UTC")]),
        ("Tuesday,Wed-Thu 12:00-13:00", [(day, 720, 780, "UTC") for day in (2, 3, 4)]),
        ("Tue–Wed 12:00 – 13:00", [(day, 720, 780, "UTC") for day in (2, 3)]),
        ("22:00-00:00", [(day, 1320, 1440, "UTC") for day in range(1, 8)]),
        ("Sun 22:00-06:00 Etc/GMT+5", [(7, 1320, 1440, "Etc/GMT+5"), (1, 0, 360, "Etc/GMT+5")]),
    ],
)
def test_what_is_written_and_what_is_kept(text, spans):
    assert kept(text) == spans


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "tells no hours"),
        ("weekdays", "tells no hours"),
        ("Mon-Fri 7-19", "tells no hours"),
        ("Mon 07:00-07:00", "begins when it ends"),
        ("Mon 24:00-06:00", "begins when it ends"),
        ("Mon 07:60-08:00", "a time that no day has: 07:60"),
        ("Mon 07:00-24:01", "a time that no day has: 24:01"),
        ("Mo-Fr 07:00-08:00", "a day that is none: Mo"),
        ("Mon-Fri 07:00-08:00 Europe/Zürich", "there is no time zone 'Europe/Zürich'"),
        ("Mon-Fri 07:00-08:00 +02:00", "tells no hours"),
        ("Mon-Fri 07:00-08:00 Europe/Zurch", "there is no time zone 'Europe/Zurch'"),
    ],
)
def test_a_mistake_names_its_line_and_what_to_write(tmp_path, text, said):
    path = tmp_path / "r.toml"
    path.write_text(f'[[client]]\nclient_id = "c"\napproved_hours = ["Mon 01:00-02:00", "{text}"]\n')
    with pytest.raises(RegisterError, match="line 3: .*" + said.replace("(", "")) as caught:
        Register.read(path)
    assert "Europe/Zurich" in caught.value.remedy


@pytest.mark.parametrize("said", ["-1", "2.5", "true", '"many"', str(2**63)])
def test_a_number_of_calls_is_a_whole_one(tmp_path, said):
    path = tmp_path / "r.toml"
    path.write_text(f'[[client]]\nclient_id = "c"\ncalls_per_day = {said}\n')
    with pytest.raises(RegisterError, match="line 3: 'calls_per_day' must be a whole number"):
        Register.read(path)


def test_csv_says_the_same(tmp_path):
    (tmp_path / "r.toml").write_text(
        '[[client]]\nclient_id = "c"\napproved_hours = ["Mon,Tue 01:00-02:00", "Sat 03:00-04:00 UTC"]\n'
        'approved_resources = ["/a b/*", "box"]\ncalls_per_day = 500\n'
    )
    (tmp_path / "r.csv").write_text(
        'client_id,approved_hours,approved_resources,calls_per_day\nc,"Mon,Tue 01:00-02:00;Sat 03:00-04:00 UTC",/a b/*;box,500\n'
    )
    assert Register.read(tmp_path / "r.csv").clients == Register.read(tmp_path / "r.toml").clients
