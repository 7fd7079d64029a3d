"""One small supply a dialect, written from the maker's manual, in memory: no sockets, no waiting."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from rig.errors import DeadlineError, LinkDownError, ReplyError


@dataclass
class FakeChannel:
    volts: float = 0.0
    limit: float = 1.0
    own: bool = False
    load: float = 0.25
    ovp: float = 99.0
    ovp_on: bool = False
    ocp: float = 99.0
    ocp_on: bool = False


@dataclass
class Box:
    """A supply; a test looks at `live`, and not at the rig, whether a channel delivers."""

    idn: str
    count: int = 1
    channels: dict[int, FakeChannel] = field(default_factory=dict)
    general: bool = True
    chosen: int = 1
    errors: list[str] = field(default_factory=list)
    faults: dict[str, str] = field(default_factory=dict)
    heard: list[str] = field(default_factory=list)
    sag: float = 1.0
    """Part of the voltage that is left in current limit."""

    def __post_init__(self) -> None:
        self.channels = {n: FakeChannel() for n in range(1, self.count + 1)}

    def live(self, number: int) -> bool:
        return self.channels[number].own and self.general

    def cc(self, number: int) -> bool:
        return self.live(number) and self.channels[number].load >= self.channels[number].limit

    def volts(self, number: int) -> float:
        return self.channels[number].volts * self.sag if self.live(number) else 0.0

    def amps(self, number: int) -> float:
        return self.channels[number].load if self.live(number) and self.channels[number].volts else 0.0

    def hear(self, message: str) -> str | None:
        """The reply to a whole message."""
        return self.idn if message == "*IDN?" else self.one(message)

    def one(self, command: str) -> str | None:
        raise NotImplementedError

    def error(self) -> str:
        return self.errors.pop(0) if self.errors else '0,"No error"'

    def value(self, number: int, name: str, text: str | None, shown: str = "{:.4f}") -> str:
        if text is not None:
            setattr(self.channels[number], name, float(text))
            return ""
        return shown.format(getattr(self.channels[number], name))

    def flag(self, number: int, name: str, text: str | None, words: tuple[str, str] = ("0", "1")) -> str:
        if text is not None:
            setattr(self.channels[number], name, text in ("1", "ON"))
            return ""
        return words[getattr(self.channels[number], name)]


class Joined(Box):
    """SCPI with semicolons."""

    def hear(self, message: str) -> str | None:
        replies = [self._part(part.strip().removeprefix(":")) for part in message.split(";")]
        return ";".join(r for r in replies if r) or None

    def _part(self, part: str) -> str:
        if part == "*IDN?":
            return self.idn
        if part == "SYST:ERR?":
            return self.error()
        reply = self.one(part)
        if reply is None:
            self.errors.append('-113,"Undefined header"')
        return reply or ""


class Rigol(Box):
    channel_word = True

    def one(self, command: str) -> str | None:
        if command == ":SYST:ERR?":
            return self.error()
        if m := re.fullmatch(r":SOUR(\d?):(VOLT|CURR)(?:\?| (\S+))", command):
            return self.value(int(m[1] or 1), "volts" if m[2] == "VOLT" else "limit", m[3])
        here = r"(?: CH(\d))?" if self.channel_word else "()"
        if m := re.fullmatch(rf":MEAS:ALL\?{here}", command):
            n = int(m[1] or 1)
            return f"{self.volts(n):.4f},{self.amps(n):.4f},{self.volts(n) * self.amps(n):.3f}"
        if m := re.fullmatch(rf":OUTP:MODE\?{here}", command):
            return "CC" if self.cc(int(m[1] or 1)) else "CV"
        if m := re.fullmatch(rf":OUTP(:OVP|:OCP|)(:VAL|:CLEAR|)\?{here}", command):
            return self._outp(m[1], m[2], m[3], None)
        if m := re.fullmatch(r":OUTP(:OVP|:OCP|)(:VAL|) (?:CH(\d),)?(\S+)", command):
            return self._outp(m[1], m[2], m[3], m[4])
        return "" if ":CLEAR" in command else None

    def _outp(self, what: str, kind: str, number: str, text: str | None) -> str:
        name = what[1:].lower()
        if kind:
            return self.value(int(number or 1), name, text)
        return self.flag(int(number or 1), f"{name}_on" if name else "own", text, ("OFF", "ON"))


class Siglent(Box):
    def one(self, command: str) -> str | None:
        if command == "SYST:ERR?":
            return self.error().replace('0,"No error"', "0  No Error")
        if m := re.fullmatch(r"CH(\d):(VOLT|CURR)(?:\?| (\S+))", command):
            return self.value(int(m[1]), "volts" if m[2] == "VOLT" else "limit", m[3], "{:.3f}")
        if m := re.fullmatch(r"OUTP CH(\d),(ON|OFF)", command):
            return self.flag(int(m[1]), "own", m[2])
        if m := re.fullmatch(r"MEAS:(VOLT|CURR)\? CH(\d)", command):
            return f"{self.volts(int(m[2])) if m[1] == 'VOLT' else self.amps(int(m[2])):.3f}"
        if command == "SYST:STAT?":
            return f"0x{sum(self.live(n) << (n + 3) | self.cc(n) << (n - 1) for n in self.channels) | 4:x}"
        return None


class KeysightList(Joined):
    def one(self, command: str) -> str | None:
        if m := re.fullmatch(r"MEAS:(VOLT|CURR)\? \(@([\d,]+)\)", command):
            numbers = [int(n) for n in m[2].split(",")]
            return ",".join(f"{self.volts(n) if m[1] == 'VOLT' else self.amps(n):+.8E}" for n in numbers)
        if m := re.fullmatch(r"STAT:QUES:INST:ISUM(\d):COND\?", command):
            return str(0 if not self.live(int(m[1])) else 1 if self.cc(int(m[1])) else 2)
        if command.startswith("OUTP:PROT:CLE"):
            return ""
        names = {"VOLT": "volts", "CURR": "limit", "VOLT:PROT": "ovp"}
        if m := re.fullmatch(r"(VOLT|CURR|VOLT:PROT)(?:\?| (\S+),)\s?\(@(\d)\)", command):
            return self.value(int(m[3]), names[m[1]], m[2], "{:+.8E}")
        if m := re.fullmatch(r"(OUTP|CURR:PROT:STAT)(?:\?| (\S+),)\s?\(@(\d)\)", command):
            return self.flag(int(m[3]), "own" if m[1] == "OUTP" else "ocp_on", m[2])
        return None


_NAMES = {"VOLT": "volts", "CURR": "limit", "VOLT:PROT": "ovp"}
_FLAGS = {
    "OUTP": "own",
    "OUTP:SEL": "own",
    "VOLT:PROT:STAT": "ovp_on",
    "CURR:PROT:STAT": "ocp_on",
    "FUSE": "ocp_on",
    "FUSE:STAT": "ocp_on",
}


class Plain(Joined):
    """The channel chosen before, if there are several."""

    def one(self, command: str) -> str | None:
        if m := re.fullmatch(r"INST:NSEL(?:\?| (\d))", command):
            self.chosen = int(m[1] or self.chosen)
            return "" if m[1] else str(self.chosen)
        n = self.chosen
        if m := re.fullmatch(r"MEAS:(VOLT|CURR)\?", command):
            return f"{self.volts(n) if m[1] == 'VOLT' else self.amps(n):.4f}"
        if m := re.fullmatch(r"STAT:QUES:INST:ISUM(\d):COND\?", command):
            return str(0 if not self.live(int(m[1])) else 1 if self.cc(int(m[1])) else 2)
        if command == "STAT:OPER:COND?":
            return str(0 if not self.live(n) else 1024 if self.cc(n) else 256)
        if command in ("OUTP:PROT:CLE", "VOLT:PROT:CLE"):
            return ""
        if m := re.fullmatch(r"OUTP:GEN(?:\?| (\S+))", command):
            self.general = m[1] in ("1", "ON") if m[1] else self.general
            return "" if m[1] else str(int(self.general))
        if m := re.fullmatch(r"([A-Z:]+)(?:\?| (\S+))", command):
            if m[1] in _NAMES:
                return self.value(n, _NAMES[m[1]], m[2])
            if m[1] in _FLAGS:
                return self.flag(n, _FLAGS[m[1]], m[2])
        return None


class OneSwitch(Plain):
    """E3631A: OUTP is for all."""

    def one(self, command: str) -> str | None:
        if m := re.fullmatch(r"OUTP(?:\?| (\S+))", command):
            for n in self.channels:
                reply = self.flag(n, "own", m[1])
            return reply
        return super().one(command)


class Korad(Box):
    def one(self, command: str) -> str | None:
        if m := re.fullmatch(r"(VSET|ISET)(\d)(?:\?|:([\d.]{5}))", command):
            return self.value(int(m[2]), "volts" if m[1] == "VSET" else "limit", m[3], self._format(m[1]))
        if m := re.fullmatch(r"(VOUT|IOUT)(\d)\?", command):
            n = int(m[2])
            return self._format(m[1]).format(self.volts(n) if m[1] == "VOUT" else self.amps(n))
        if m := re.fullmatch(r"OUT([01])", command):
            for channel in self.channels.values():
                channel.own = m[1] == "1"
            return ""
        if command == "STATUS?":
            cv = sum((self.live(n) and not self.cc(n)) << (n - 1) for n in self.channels)
            return chr(cv | 0x10 | any(map(self.live, self.channels)) << 6)
        return "" if command in ("OCP0", "TRACK0") else None

    @staticmethod
    def _format(name: str) -> str:
        return "{:05.2f}" if name[0] == "V" else "{:05.3f}"


class Owon(Box):
    info = True

    def one(self, command: str) -> str | None:
        names = {"VOLT": "volts", "CURR": "limit", "VOLT:LIM": "ovp", "CURR:LIM": "ocp"}
        if command == "MEAS:ALL:INFO?" and self.info:
            mode = 0 if not self.live(1) else 2 if self.cc(1) else 1
            return f"{self.volts(1):.3f},{self.amps(1):.3f},{self.volts(1) * self.amps(1):.3f},OFF,OFF,OFF,{mode}"
        if m := re.fullmatch(r"MEAS:(VOLT|CURR)\?", command):
            return f"{self.volts(1) if m[1] == 'VOLT' else self.amps(1):.3f}"
        if m := re.fullmatch(r"(VOLT|CURR|VOLT:LIM|CURR:LIM)(?:\?| (\S+))", command):
            return self.value(1, names[m[1]], m[2], "{:.3f}")
        if m := re.fullmatch(r"OUTP(?:\?| ([01]))", command):
            return self.flag(1, "own", m[1])
        return None


class OwonP(Owon):
    info = False


class Gpp(Box):
    def one(self, command: str) -> str | None:
        if command == ":SYST:ERR?":
            return self.error()
        if m := re.fullmatch(r"(VSET|ISET)(\d)(?:\?|:(\S+))", command):
            name, unit = ("volts", "V") if m[1] == "VSET" else ("limit", "A")
            return self.value(int(m[2]), name, m[3], "{:.4f}" + unit)
        if m := re.fullmatch(r":MEAS(\d):ALL\?", command):
            n = int(m[1])
            return f"{self.volts(n):.4f},{self.amps(n):.4f},{self.volts(n) * self.amps(n):.3f}"
        if m := re.fullmatch(r":SOUR(\d):CURR:STAT\?", command):
            return str(int(self.cc(int(m[1]))))
        if m := re.fullmatch(r":OUTP(\d)(:OVP|:OCP|):STAT(?:\?| (\S+))", command):
            name = f"{m[2][1:].lower()}_on" if m[2] else "own"
            return self.flag(int(m[1]), name, m[3], ("OFF", "ON"))
        if m := re.fullmatch(r":OUTP(\d):(OVP|OCP)(?:\?| (\S+))", command):
            return self.value(int(m[1]), m[2].lower(), m[3])
        return "" if command == "TRACK0" else None


class Tti(Box):
    def __post_init__(self) -> None:
        super().__post_init__()
        self.was: dict[int, bool] = {}

    def one(self, command: str) -> str | None:
        if command == "EER?":
            return self.errors.pop(0) if self.errors else "0"
        if m := re.fullmatch(r"(V|I|OVP|OCP)(\d)(?:\?| (\S+))", command):
            name = {"V": "volts", "I": "limit", "OVP": "ovp", "OCP": "ocp"}[m[1]]
            head = {"V": f"V{m[2]} ", "I": f"I{m[2]} "}.get(m[1], f"{m[1][1:]}{m[2]} ")
            reply = self.value(int(m[2]), name, m[3], "{:.3f}")
            return head + reply if reply else ""
        if m := re.fullmatch(r"([VI])(\d)O\?", command):
            n = int(m[2])
            return f"{self.volts(n):.3f}V" if m[1] == "V" else f"{self.amps(n):.3f}A"
        if m := re.fullmatch(r"OP(\d)(?:\?| ([01]))", command):
            return self.flag(int(m[1]), "own", m[2])
        if m := re.fullmatch(r"LSR(\d)\?", command):
            n = int(m[1])
            changed = self.live(n) and self.was.get(n) is not self.cc(n)
            self.was[n] = self.cc(n)
            return str((2 if self.cc(n) else 1) if changed else 0)
        return "" if command == "TRIPRST" or re.fullmatch(r"IRANGE\d 2", command) else None


class FakeLink:
    """Stands in for `ScpiLink` over a box."""

    address, sessions = "in memory", 1

    def __init__(self, box: Box) -> None:
        self.box, self.dropped = box, 0

    def query(self, command: str, length: int | None = None) -> str:
        reply = self._exchange(command)
        if reply is None or (reply == "" and "?" not in command):
            raise DeadlineError(self.address, f"the reply to {command!r}", 1.0, "no whole reply")
        if length is not None and len(reply) < length and command != "*IDN?":
            raise ReplyError(self.address, command, reply, f"{length} characters were expected")
        return reply

    def query_bytes(self, command: str, length: int) -> bytes:
        return self.query(command)[:length].encode("latin-1")

    def write(self, command: str) -> None:
        self._exchange(command)

    def drop(self) -> None:
        self.dropped += 1

    def _exchange(self, command: str) -> str | None:
        self.box.heard.append(command)
        what = next((w for p, w in self.box.faults.items() if re.search(p, command)), None)
        if what == "gone":
            raise LinkDownError(self.address, command, "it closed the connection")
        if what is not None:
            return None if what == "lost" else what[1:]
        return self.box.hear(command)


@dataclass(frozen=True)
class Case:
    """A model of the table, the box that is like it, and what is special about it."""

    model: str
    kind: type[Box]
    idn: str
    count: int = 1
    one_switch: bool = False
    off: str = ""
    measure: str = "MEAS"

    def box(self) -> Box:
        made = self.kind(self.idn, self.count)
        if self.kind is Plain and self.count > 1:
            made.general = False
        return made


class RigolOne(Rigol):
    channel_word = False


CASES = (
    Case("DP832", Rigol, "RIGOL TECHNOLOGIES,DP832,DP8C000000001,00.01.16", 3, off=r":OUTP CH1,OFF"),
    Case("DP712", RigolOne, "RIGOL TECHNOLOGIES,DP712,DP7A000000001,00.01.01", off=r":OUTP OFF"),
    Case(
        "SPD3303X-E", Siglent, "Siglent Technologies,SPD3303X-E,SPD3X0001,1.01.01.02.07R2,V3.0", 2, off="OUTP CH1,OFF"
    ),
    Case("SPD1305X", Siglent, "Siglent Technologies,SPD1305X,SPD13D0001,2.1.1.9,V1.0", off="OUTP CH1,OFF"),
    Case(
        "E36313A", KeysightList, "Keysight Technologies,E36313A,MY00000001,2.1.0-1.0.4-1.12", 3, off=r"OUTP OFF,\(@1\)"
    ),
    Case("E3631A", OneSwitch, "HEWLETT-PACKARD,E3631A,0,2.1-5.0-1.0", 3, one_switch=True, off="OUTP OFF"),
    Case("N5745A", Plain, "Agilent Technologies,N5745A,US00A0001K,A.00.01", off="OUTP OFF"),
    Case("HMP4040", Plain, "ROHDE&SCHWARZ,HMP4040,000001,HW50020003/SW2.70", 4, off="OUTP:SEL 0"),
    Case("NGE103B", Plain, "Rohde&Schwarz,NGE103B,5601.3800k03/100001,1.54", 3, off="OUTP:SEL 0"),
    Case("KA3005P", Korad, "KORADKA3005PV2.0\ufffd", off="OUT0", measure="OUT1"),
    Case("72-2540", Korad, "TENMA 72-2540 V5.2 SN:12345678", off="OUT0", measure="OUT1"),
    Case("KA3305P", Korad, "KORAD KA3305P V7.0 SN:30057214", 2, one_switch=True, off="OUT0", measure="OUT1"),
    Case("SPE6103", Owon, "OWON,SPE6103,2125001,FV:V2.1.0", off="OUTP 0"),
    Case("P4305", OwonP, "OWON,P4305,2125001,FV:V1.8.0", off="OUTP 0"),
    Case("GPP-4323", Gpp, "GW INSTEK,GPP-4323,SN:GEW000001,V1.17", 4, off=":OUTP1:STAT OFF"),
    Case("PL303QMD-P", Tti, "THURLBY THANDAR, PL303QMD-P, 0, 1.00-1.00", 2, off="OP1 0", measure=r"1O\?"),
    Case("CPX400DP", Tti, "THURLBY THANDAR, CPX400DP, 0, 1.00-1.00", 2, off="OP1 0", measure=r"1O\?"),
)
