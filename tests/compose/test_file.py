"""What the compose file says, without running it."""

import subprocess

import pytest

from containers import FILE, PARTS, commented_out, compose_command
from support.stack import ROOT
from test_absent import both_neighbours
from support.calls import DOMAINS


def config(*words, text=None, tmp_path=None):
    """What compose understands, asked from the root of the repository."""
    if text is not None:
        (tmp_path / "docker-compose.yaml").write_text(text)
        words = ("-f", str(tmp_path / "docker-compose.yaml"), "--project-directory", str(FILE.parent))
    done = subprocess.run([*compose_command(), *words, "config"], cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_root_and_file_are_the_same():
    """`docker compose` in the root reads the same as `docker compose -f deploy/docker-compose.yaml`."""
    assert config() == config("-f", "deploy/docker-compose.yaml")


def test_nothing_waits_for_anything():
    """No block depends on another one."""
    text = FILE.read_text()
    assert not [word for word in ("depends_on", "links:", "external_links") if word in text]


@pytest.mark.parametrize("parts", [[part] for part in PARTS] + [both_neighbours(domain) for domain in DOMAINS], ids="+".join)
def test_any_block_may_be_commented_out(parts, tmp_path):
    """The file without some blocks is still one that compose accepts, and has just the others."""
    text = config(text=commented_out(FILE.read_text(), parts), tmp_path=tmp_path)
    services = text[text.index("\nservices:"):]
    found = {part for part in PARTS if f"\n  {part}:\n" in services[:services.index("\nvolumes:")]}
    assert found == set(PARTS) - set(parts)
