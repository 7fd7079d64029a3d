"""Files to and from the test host over its console, each proven by its SHA-256.

In small parts, because a console is a line that a kernel may write into: a torn part is sent again, not the file.
Ref: base64(1), gzip(1) and sha256sum(1) of coreutils, gzip and busybox.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import hashlib
import re
import shlex

from rig.errors import ReplyError
from rig.ports import HostPort

_UP, _DOWN = 1_900, 48_000
"""Bytes of one part: up, a terminal's line; down, what is worth repeating."""
_TRIES = 4
_MOST_BYTES = 64 << 20
_SUM = re.compile(r"\b([0-9a-f]{64})\b")
_WEAK = "the console loses text: check its cable, speed and flow control; or the test host has no room"


def put(host: HostPort, data: bytes, path: str) -> None:
    """Bring `data` to `path` of the test host; ReplyError when it does not arrive whole."""
    where, wanted = shlex.quote(path), hashlib.sha256(data).hexdigest()
    if sha256(host, path) == wanted:
        return
    packed, part = gzip.compress(data, 6, mtime=0), shlex.quote(f"{path}.part")
    # first without a look after each part, which takes a tenth of the time; what came torn is sent with one
    for send in (_at_once, _part_by_part):
        host.run(f"rm -f {part}")
        send(host, part, packed)
        reply = host.run(f"gzip -dc <{part} >{where}; rm -f {part}", timeout_s=60.0)
        if (got := sha256(host, path)) == wanted:
            return
    raise ReplyError("test host", f"SHA-256 {wanted} of {path}", got or reply.text.strip()[-200:], _WEAK)


def get(host: HostPort, path: str) -> bytes:
    """The file at `path` of the test host; ReplyError when it is not there or does not come whole."""
    wanted = sha256(host, path)
    if wanted is None:
        raise ReplyError("test host", f"the file {path}", "nothing", "see the output of the tool that should make it")
    packed = shlex.quote(f"{path}.gz")
    reply = host.run(f"gzip -c <{shlex.quote(path)} >{packed}; wc -c <{packed}", timeout_s=60.0)
    words = reply.text.split()
    size = int(words[-1]) if words and words[-1].isdigit() else -1
    if not 0 <= size <= _MOST_BYTES:
        raise ReplyError("test host", f"the size of {path}", reply.text[-200:], _WEAK)
    data = b"".join(_part(host, packed, start, min(_DOWN, size - start)) for start in range(0, size, _DOWN))
    host.run(f"rm -f {packed}")
    try:
        whole = gzip.decompress(data)
    except (OSError, EOFError) as e:
        raise ReplyError("test host", f"the contents of {path}", str(e), _WEAK) from e
    if hashlib.sha256(whole).hexdigest() != wanted:
        raise ReplyError("test host", f"SHA-256 {wanted} of {path}", hashlib.sha256(whole).hexdigest(), _WEAK)
    return whole


def sha256(host: HostPort, path: str) -> str | None:
    """SHA-256 of a file of the test host; None: there is none, or the console tore the answer."""
    found = _SUM.search(host.run(f"sha256sum <{shlex.quote(path)}", timeout_s=60.0).text)
    return found[1] if found else None


def _at_once(host: HostPort, part: str, packed: bytes) -> None:
    for start in range(0, len(packed), _UP):
        host.run(f"echo {base64.b64encode(packed[start : start + _UP]).decode()} >>{part}.text")
    host.run(f"base64 -d <{part}.text >{part}; rm -f {part}.text", timeout_s=60.0)


def _part_by_part(host: HostPort, part: str, packed: bytes) -> None:
    for start in range(0, len(packed), _UP):
        _append(host, part, start, packed[start : start + _UP])


def _append(host: HostPort, part: str, start: int, data: bytes) -> None:
    """`data` at offset `start`; a part that came torn is written again over itself."""
    text = base64.b64encode(data).decode()
    command = f"touch {part}; truncate -s {start} {part}; echo {text}|base64 -d >>{part}"
    for _ in range(_TRIES):
        reply = host.run(f"{command}; wc -c <{part}")
        if reply.text.split()[-1:] == [str(start + len(data))]:
            return
    raise ReplyError("test host", f"{start + len(data)} bytes in {part}", reply.text[-200:], _WEAK)


def _part(host: HostPort, packed: str, start: int, size: int) -> bytes:
    for _ in range(_TRIES):
        reply = host.run(f"tail -c +{start + 1} {packed}|head -c {size}|base64", timeout_s=120.0)
        try:
            data = base64.b64decode("".join(reply.text.split()), validate=True)
        except (binascii.Error, ValueError):
            continue
        if len(data) == size:
            return data
    raise ReplyError("test host", f"{size} bytes at {start} of {packed}", reply.text[-200:], _WEAK)
