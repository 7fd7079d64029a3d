"""One libiperf test in a process of its own; run by path: `python -P iperf3_worker.py REQUEST` (JSON).

REQUEST `{}` asks for the version; else `address`, `port`, `duration_s`, `omit_s`, `streams`, `from_host`,
`both_ways` and `deadline_s`, after which the kernel ends the process. The reply is one line of JSON on stdout.

The wrapper's own `run()` hangs on a reply above 64 KiB, its `__del__` closes descriptors it does not own, and
libiperf writes to descriptor 1: nothing of it may live in a process that has anything to lose.

Ref: python-iperf3 0.1.11 `iperf3.py`; libiperf 3.12 `iperf_api.h`.
"""

import ctypes
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import iperf3


def main() -> None:
    request = json.loads(sys.argv[1])
    signal.alarm(int(request.get("deadline_s", 10)))
    reply_fd = os.dup(1)
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)
    reply = json.dumps(_answer(request)).encode() + b"\n"
    while reply:
        reply = reply[os.write(reply_fd, reply) :]
    os._exit(0)


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    try:
        client = iperf3.Client()
    except OSError as e:
        return {"error": str(e)}
    answer: dict[str, Any] = {"version": client.iperf_version}
    return answer | _run(client, request) if request else answer


def _run(client: Any, request: dict[str, Any]) -> dict[str, Any]:
    client.server_hostname = request["address"]
    client.port = request["port"]
    client.duration = request["duration_s"]
    client.omit = request["omit_s"]
    client.num_streams = request["streams"]
    client.reverse = request["from_host"]
    if request["both_ways"]:
        # the wrapper has no attribute for it
        client.lib.iperf_set_test_bidirectional.argtypes = (ctypes.c_void_p, ctypes.c_int)
        client.lib.iperf_set_test_bidirectional(client._test, 1)
    failed = client.lib.iperf_run_client(client._test)
    text = client.lib.iperf_get_test_json_output_string(client._test)
    error = client._error_to_string(client._errno) if failed else None
    return {"error": error, "result": json.loads(text) if text else None}


if __name__ == "__main__":
    main()
