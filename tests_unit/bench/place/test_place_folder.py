import os
import subprocess
import sys

import pytest

from rig.bench.place import folder
from rig.errors import UsageError


@pytest.fixture(autouse=True)
def leases(monkeypatch, tmp_path):
    monkeypatch.setenv(folder.STATE, str(tmp_path / "leases"))
    monkeypatch.setenv("LG_HOSTNAME", "runner")
    monkeypatch.setenv("LG_USERNAME", "ci")
    return tmp_path / "leases"


def test_a_lease_is_dead_only_when_its_job_and_its_keeper_are_gone():
    lease = folder.made()
    owner = "/".join(folder.identity(lease.token))
    assert folder.of_owner(owner) is None
    keeper = subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=(lease.descriptor,), text=True
    )
    lease.close()  # the job is killed
    assert folder.of_owner(owner) is None
    keeper.communicate("")
    found = folder.of_owner(owner)
    assert found is not None and found.token == lease.token
    assert list(folder.dead()) == []  # it is being looked at
    found.remove()
    assert folder.of_owner(owner) is None


@pytest.mark.parametrize(
    "owner", ["desk/alice", "desk/rig-x-1-../../etc", "desk/rig-", "nonsense", "desk/rig-ci-1-0123"]
)
def test_an_owner_that_left_no_trace_here_is_not_known_to_be_dead(owner):
    assert folder.of_owner(owner) is None


def test_two_jobs_of_one_user_on_one_machine_are_two_owners():
    first, second = folder.made(), folder.made()
    owners = {folder.identity(lease.token) for lease in (first, second)}
    assert len(owners) == 2
    assert all(host == "runner" and user.startswith(f"rig-ci-{os.getpid()}-") for host, user in owners)
    assert all(folder.is_rig(f"{host}/{user}") for host, user in owners)
    assert folder.person() == "runner/ci" and not folder.is_rig(folder.person())
    first.remove(), second.remove()


def test_a_folder_that_others_may_write_is_refused(leases):
    leases.mkdir(mode=0o700)
    leases.chmod(0o777)
    with pytest.raises(UsageError, match="others may write it"):
        folder.made()


def test_a_trace_that_cannot_be_read_is_none():
    lease = folder.made()
    assert lease.read() is None
    (lease.path / "lease.json").write_text('{"of": "another version"}')
    assert lease.read() is None
    lease.remove()
