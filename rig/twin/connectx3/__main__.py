"""`python -m rig.twin.connectx3 image|mlxburn`: write firmware images for the virtual ConnectX-3."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from rig.errors import UsageError
from rig.twin.connectx3 import mlxburn
from rig.twin.connectx3.image import DEFAULT_MAC, DEFAULT_SIZE, Version, build
from rig.twin.connectx3.variants import VARIANTS

EXIT_USAGE, EXIT_MLXBURN = 2, 1


def main(argv: Sequence[str] | None = None) -> int:
    """Parse and run; 0, or 2 (mlxburn: 1) with one sentence for a wrong call or file."""
    args = list(sys.argv[1:] if argv is None else argv)
    if args[:1] == ["mlxburn"]:
        return _mlxburn(args[1:])
    parsed = _parser().parse_args(args)
    try:
        mlxburn.write(parsed.out, _image(parsed))
    except UsageError as e:
        sys.stderr.write(f"rig.twin.connectx3: {e}\n")
        return EXIT_USAGE
    return 0


def _image(args: argparse.Namespace) -> bytes:
    return build(
        args.variant, version=args.fw, psid=args.psid, size=args.size, mac=args.mac,
        pro=args.pro, failsafe=args.failsafe, blank_guids=args.blank_guids,
    )  # fmt: skip


def _mlxburn(argv: Sequence[str]) -> int:
    try:
        args = _mlxburn_parser().parse_args(argv)
        for line in mlxburn.generate(args.fw, args.conf, args.wrimage):
            sys.stdout.write(line + "\n")
    except UsageError as e:
        sys.stdout.write(f"-E- {e}\n")
        return EXIT_MLXBURN
    return 0


class _Parser(argparse.ArgumentParser):
    """Says what is wrong by an exception."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="rig.twin.connectx3", description="Firmware images of the virtual card.")
    commands = parser.add_subparsers(dest="command", required=True)
    image = commands.add_parser("image", help="write an image")
    image.add_argument("variant", choices=tuple(VARIANTS))
    image.add_argument("out", type=Path)
    image.add_argument("--fw", type=_version, default="2.42.5000", help="firmware version, default %(default)s")
    image.add_argument("--psid", help="default: the variant's own")
    image.add_argument("--size", type=_number, default=DEFAULT_SIZE, help="bytes, default %(default)#x")
    image.add_argument("--mac", type=_mac, default=DEFAULT_MAC, help="of port 1, 12 hex digits")
    image.add_argument("--pro", action="store_true", help="for a ConnectX-3 Pro")
    image.add_argument("--no-failsafe", dest="failsafe", action="store_false")
    image.add_argument("--blank-guids", action="store_true", help="as vendors publish images")
    commands.add_parser("mlxburn", help="make an image as MFT's mlxburn does: -fw FILE -conf INI -wrimage OUT")
    return parser


def _mlxburn_parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="mlxburn", add_help=False, allow_abbrev=False)
    for option, what in (("-fw", "firmware file"), ("-conf", "INI of the card"), ("-wrimage", "image to write")):
        parser.add_argument(option, type=Path, required=True, help=what)
    return parser


def _version(text: str) -> Version:
    parts = text.split(".")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() and len(part) <= 5 for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r} is no version like 2.42.5000")
    major, minor, sub = (int(part) for part in parts)
    return major, minor, sub


def _number(text: str) -> int:
    return int(text, 0)


def _mac(text: str) -> int:
    digits = text.replace(":", "")
    if len(digits) != 12:
        raise argparse.ArgumentTypeError(f"{text!r} is no MAC address of 12 hex digits")
    return int(digits, 16)


if __name__ == "__main__":
    sys.exit(main())
