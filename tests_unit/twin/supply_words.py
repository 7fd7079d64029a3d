"""What each maker's manual says to send for the same few wishes; written for the tests, apart from the twin."""

from __future__ import annotations

from dataclasses import dataclass

from supply_client import Client


@dataclass(frozen=True)
class Words:
    """The plain case: channel-explicit commands with a number as reply."""

    c: Client
    n: int = 1
    """The channel."""

    def identity(self) -> str:
        return self.c.ask("*IDN?").strip("\r")

    def set(self, volt: str, ampere: str) -> None:
        raise NotImplementedError

    def settings(self) -> tuple[float, float]:
        raise NotImplementedError

    def switch(self, on: bool) -> None:
        raise NotImplementedError

    def on(self) -> bool:
        raise NotImplementedError

    def reading(self) -> tuple[float, float]:
        raise NotImplementedError

    def mode(self) -> str:
        raise NotImplementedError

    def ovp(self, volt: str) -> None:
        """Set the level and switch it on."""
        raise NotImplementedError

    def ocp(self, ampere: str) -> None:
        """The same; makers whose protection is the current limit take the limit."""
        raise NotImplementedError

    def tripped(self) -> str:
        raise NotImplementedError

    def clear(self) -> None:
        """As the manual says that one goes on after a trip."""
        raise NotImplementedError

    def error(self) -> str:
        """What it says after a wrong command."""
        return self.c.ask("SYST:ERR?").strip("\r")

    def numbers(self, *queries: str) -> tuple[float, ...]:
        return tuple(float(self.c.ask(q).strip("\r VA")) for q in queries)


class Rigol(Words):
    def set(self, volt: str, ampere: str) -> None:
        self.c.say(f":APPL CH{self.n},{volt},{ampere}")

    def settings(self) -> tuple[float, float]:
        return tuple(map(float, self.c.ask(f":APPL? CH{self.n}").split(",")[1:]))

    def switch(self, on: bool) -> None:
        self.c.say(f":OUTP CH{self.n},{'ON' if on else 'OFF'}")

    def on(self) -> bool:
        return self.c.ask(f":OUTP? CH{self.n}") == "ON"

    def reading(self) -> tuple[float, float]:
        return tuple(map(float, self.c.ask(f":MEAS:ALL? CH{self.n}").split(",")[:2]))

    def mode(self) -> str:
        return self.c.ask(f":OUTP:MODE? CH{self.n}")

    def ovp(self, volt: str) -> None:
        self.c.say(f":OUTP:OVP:VAL CH{self.n},{volt}", f":OUTP:OVP CH{self.n},ON")

    def ocp(self, ampere: str) -> None:
        self.c.say(f":OUTP:OCP:VAL CH{self.n},{ampere}", f":OUTP:OCP CH{self.n},ON")

    def tripped(self) -> str:
        return next((k for k in ("OVP", "OCP") if self.c.ask(f":OUTP:{k}:QUES? CH{self.n}") == "YES"), "")

    def clear(self) -> None:
        self.c.say(f":OUTP:OVP:CLE CH{self.n}", f":OUTP:OCP:CLE CH{self.n}")


class Siglent(Words):
    def set(self, volt: str, ampere: str) -> None:
        self.c.say(f"CH{self.n}:VOLT {volt}", f"CH{self.n}:CURR {ampere}")

    def settings(self) -> tuple[float, float]:
        return self.numbers(f"CH{self.n}:VOLT?", f"CH{self.n}:CURR?")

    def switch(self, on: bool) -> None:
        self.c.say(f"OUTP CH{self.n},{'ON' if on else 'OFF'}")

    def on(self) -> bool:
        return bool(int(self.c.ask("SYST:STAT?"), 16) & 0x10)

    def reading(self) -> tuple[float, float]:
        return self.numbers(f"MEAS:VOLT? CH{self.n}", f"MEAS:CURR? CH{self.n}")

    def mode(self) -> str:
        return "CC" if int(self.c.ask("SYST:STAT?"), 16) & 1 else "CV"


class E36300(Words):
    def at(self) -> str:
        return f"(@{self.n})"

    def set(self, volt: str, ampere: str) -> None:
        self.c.say(f"VOLT {volt}, {self.at()}", f"CURR {ampere},{self.at()}")

    def settings(self) -> tuple[float, float]:
        return self.numbers(f"VOLT? {self.at()}", f"CURR? {self.at()}")

    def switch(self, on: bool) -> None:
        self.c.say(f"OUTP {int(on)}, {self.at()}")

    def on(self) -> bool:
        return self.c.ask(f"OUTPut? {self.at()}") == "1"

    def reading(self) -> tuple[float, float]:
        return self.numbers(f"MEASure:VOLTage? {self.at()}", f"MEAS:CURR? {self.at()}")

    def mode(self) -> str:
        bits = int(self.c.ask(f"STAT:QUES:INST:ISUM{self.n}:COND?")) & 3
        return {1: "CC", 2: "CV"}.get(bits, "UR")

    def ovp(self, volt: str) -> None:
        self.c.say(f"VOLT:PROT {volt}, {self.at()}")

    def ocp(self, ampere: str) -> None:
        self.c.say(f"CURR {ampere}, {self.at()}", f"CURR:PROT:STAT ON, {self.at()}")

    def tripped(self) -> str:
        asked = {"OVP": "VOLT", "OCP": "CURR"}
        return next((k for k, w in asked.items() if self.c.ask(f"{w}:PROT:TRIP? {self.at()}") == "1"), "")

    def clear(self) -> None:
        self.c.say(f"OUTP:PROT:CLE {self.at()}")


class E3631A(Words):
    output = ("P6V", "P25V", "N25V")

    def set(self, volt: str, ampere: str) -> None:
        self.c.say(f"APPL {self.output[self.n - 1]}, {volt}, {ampere}")

    def settings(self) -> tuple[float, float]:
        return tuple(map(float, self.c.ask(f"APPL? {self.output[self.n - 1]}").strip('\r"').split(",")))

    def switch(self, on: bool) -> None:
        self.c.say(f"OUTP {'ON' if on else 'OFF'}")

    def on(self) -> bool:
        return self.c.ask("OUTP?") == "1\r"

    def reading(self) -> tuple[float, float]:
        where = self.output[self.n - 1]
        return self.numbers(f"MEAS:VOLT:DC? {where}", f"MEAS:CURR:DC? {where}")

    def mode(self) -> str:
        return {1: "CC", 2: "CV"}.get(int(self.c.ask(f"STAT:QUES:INST:ISUM{self.n}:COND?")) & 3, "UR")


class N5700(Words):
    def set(self, volt: str, ampere: str) -> None:
        self.c.say(f":SOUR:VOLT {volt}", f":SOUR:CURR {ampere}")

    def settings(self) -> tuple[float, float]:
        return self.numbers(":SOUR:VOLT?", ":SOUR:CURR?")

    def switch(self, on: bool) -> None:
        self.c.say(f":OUTP {'ON' if on else 'OFF'}")

    def on(self) -> bool:
        return self.c.ask(":OUTP:STAT?") == "1"

    def reading(self) -> tuple[float, float]:
        return self.numbers(":MEAS:VOLT?", "MEAS:CURR?")

    def mode(self) -> str:
        return {256: "CV", 1024: "CC"}.get(int(self.c.ask("STAT:OPER:COND?")), "UR")

    def ocp(self, ampere: str) -> None:
        self.c.say(f"CURR {ampere}", "CURR:PROT:STAT ON")

    def tripped(self) -> str:
        return {1: "OVP", 2: "OCP"}.get(int(self.c.ask("STAT:QUES:COND?")), "")

    def clear(self) -> None:
        self.c.say("OUTP:PROT:CLE")


class Hmp(Words):
    """The selected channel is somebody else's too: select with every command, in one line where the reply allows."""

    def at(self, command: str) -> str:
        return f"INST:NSEL {self.n};:{command}"

    def set(self, volt: str, ampere: str) -> None:
        self.c.say(self.at(f"VOLT {volt}"), self.at(f"CURR {ampere}"))

    def settings(self) -> tuple[float, float]:
        return self.numbers(self.at("VOLT?"), self.at("CURR?"))

    def switch(self, on: bool) -> None:
        self.c.say(self.at(f"OUTP:SEL {int(on)}"), "OUTP:GEN 1")

    def on(self) -> bool:
        return self.c.ask(self.at("OUTP?")) == "1"

    def reading(self) -> tuple[float, float]:
        return self.numbers(self.at("MEAS:VOLT?"), self.at("MEAS:CURR?"))

    def mode(self) -> str:
        return {1: "CC", 2: "CV"}.get(int(self.c.ask(f"STAT:QUES:INST:ISUM{self.n}:COND?")) & 3, "UR")

    def ovp(self, volt: str) -> None:
        self.c.say(self.at(f"VOLT:PROT:LEV {volt}"))

    def ocp(self, ampere: str) -> None:
        self.c.say(self.at(f"CURR {ampere}"), self.at("FUSE:STAT ON"))

    def tripped(self) -> str:
        asked = {"OVP": "VOLT:PROT:TRIP?", "OCP": "FUSE:TRIP?"}
        return next((k for k, q in asked.items() if self.c.ask(self.at(q)) == "1"), "")

    def clear(self) -> None:
        self.c.say(self.at("VOLT:PROT:CLE"))


class Nge(Hmp):
    def ovp(self, volt: str) -> None:
        self.c.say(self.at(f"VOLT:PROT:LEV {volt}"), self.at("VOLT:PROT:STAT ON"))

    def clear(self) -> None:
        self.c.say(self.at("VOLT:PROT:CLE"), self.at("FUSE:TRIP:CLE"))


class Korad(Words):
    def identity(self) -> str:
        return self.c.ask("*IDN?", 17 if self.c.model == "KA3005P" else 30)

    def set(self, volt: str, ampere: str) -> None:
        self.c.say(f"VSET{self.n}:{float(volt):05.2f}", f"ISET{self.n}:{float(ampere):05.3f}")

    def settings(self) -> tuple[float, float]:
        return float(self.c.ask(f"VSET{self.n}?", 5)), float(self.c.ask(f"ISET{self.n}?", 5))

    def switch(self, on: bool) -> None:
        self.c.say(f"OUT{int(on)}")

    def on(self) -> bool:
        return bool(self.status() & 0x40)

    def reading(self) -> tuple[float, float]:
        return float(self.c.ask(f"VOUT{self.n}?", 5)), float(self.c.ask(f"IOUT{self.n}?", 5))

    def mode(self) -> str:
        return "CV" if self.status() & 1 << (self.n - 1) else "CC"

    def ocp(self, ampere: str) -> None:
        self.c.say(f"ISET{self.n}:{float(ampere):05.3f}", "OCP1")

    def tripped(self) -> str:
        """It does not say; the output is off although nobody switched it."""
        return "" if self.on() else "OCP"

    def clear(self) -> None:
        self.c.say("OUT0")

    def error(self) -> str:
        return "" if self.c.nothing() else "something"

    def status(self) -> int:
        return ord(self.c.ask("STATUS?", 1))


class Owon(Words):
    def set(self, volt: str, ampere: str) -> None:
        self.c.say(f"VOLT {volt}", f"CURR {ampere}")

    def settings(self) -> tuple[float, float]:
        return self.numbers("VOLT?", "CURR?")

    def switch(self, on: bool) -> None:
        self.c.say(f"OUTP {'ON' if on else 'OFF'}")

    def on(self) -> bool:
        return self.c.ask("OUTP?") in ("1", "ON")

    def reading(self) -> tuple[float, float]:
        return self.numbers("MEAS:VOLT?", "MEAS:CURR?")

    def info(self) -> list[str]:
        return self.c.ask("MEAS:ALL:INFO?").replace(",", " ").split()

    def mode(self) -> str:
        return {"1": "CV", "2": "CC"}.get(self.info()[6], "UR")

    def ovp(self, volt: str) -> None:
        self.c.say(f"VOLT:LIM {volt}")

    def ocp(self, ampere: str) -> None:
        self.c.say(f"CURR:LIM {ampere}")

    def tripped(self) -> str:
        flags = zip(("OVP", "OCP"), self.info()[3:5], strict=True)
        return next((kind for kind, flag in flags if flag in ("1", "ON")), "")

    def clear(self) -> None:
        """Switching on again is enough."""

    def error(self) -> str:
        return self.c.read()


class Gpp(Words):
    def set(self, volt: str, ampere: str) -> None:
        self.c.say(f":SOURce{self.n}:VOLTage {volt}", f"ISET{self.n}:{ampere}")

    def settings(self) -> tuple[float, float]:
        return self.numbers(f"VSET{self.n}?", f":SOURce{self.n}:CURRent?")

    def switch(self, on: bool) -> None:
        self.c.say(f":OUTPut{self.n}:STATe {'ON' if on else 'OFF'}")

    def on(self) -> bool:
        return self.c.ask(f":OUTPut{self.n}:STATe?") in ("1", "ON")

    def reading(self) -> tuple[float, float]:
        return self.numbers(f"VOUT{self.n}?", f"IOUT{self.n}?")

    def mode(self) -> str:
        return "CC" if self.c.ask(f":SOURce{self.n}:CURRent:LIMit:STATe?") == "1" else "CV"

    def ovp(self, volt: str) -> None:
        self.c.say(f":OUTPut{self.n}:OVP {volt}", f":OUTPut{self.n}:OVP:STATe ON")

    def ocp(self, ampere: str) -> None:
        self.c.say(f":OUTPut{self.n}:OCP {ampere}", f":OUTPut{self.n}:OCP:STATe ON")

    def tripped(self) -> str:
        said = {k: self.c.ask(f":OUTPut{self.n}:{k}:TRIGer?") for k in ("OVP", "OCP")}
        return next((k for k, reply in said.items() if reply in ("1", "ON")), "")

    def clear(self) -> None:
        """Switching on again is enough."""


class Tti(Words):
    def identity(self) -> str:
        return self.c.ask("*IDN?").removesuffix("\r")

    def set(self, volt: str, ampere: str) -> None:
        self.c.say(f"V{self.n} {volt}", f"I{self.n} {ampere}")

    def settings(self) -> tuple[float, float]:
        return float(self.c.ask(f"V{self.n}?").split()[1]), float(self.c.ask(f"I{self.n}?").split()[1])

    def switch(self, on: bool) -> None:
        self.c.say(f"OP{self.n} {int(on)}")

    def on(self) -> bool:
        return self.c.ask(f"OP{self.n}?") == "1\r"

    def reading(self) -> tuple[float, float]:
        return self.numbers(f"V{self.n}O?", f"I{self.n}O?")

    def limits(self) -> int:
        """Twice: the first reading is what was since the last one."""
        self.c.ask(f"LSR{self.n}?")
        return int(self.c.ask(f"LSR{self.n}?"))

    def mode(self) -> str:
        return {1: "CV", 2: "CC"}.get(self.limits() & 3, "UR")

    def ovp(self, volt: str) -> None:
        self.c.say(f"OVP{self.n} {volt}")

    def ocp(self, ampere: str) -> None:
        self.c.say(f"OCP{self.n} {ampere}")

    def tripped(self) -> str:
        return {4: "OVP", 8: "OCP"}.get(self.limits() & 12, "")

    def clear(self) -> None:
        self.c.say("TRIPRST")

    def error(self) -> str:
        return self.c.ask("EER?").strip("\r")


WORDS: dict[str, type[Words]] = {
    "DP832": Rigol, "DP831": Rigol, "DP821": Rigol, "DP811": Rigol, "DP712": Rigol,
    "SPD3303X-E": Siglent, "SPD3303X": Siglent, "SPD1305X": Siglent,
    "E36312A": E36300, "E36313A": E36300, "E3631A": E3631A, "N5744A": N5700, "N5767A": N5700,
    "HMP4040": Hmp, "HMP2030": Hmp, "NGE103B": Nge, "KA3005P": Korad, "KA3305P": Korad,
    "SPE3103": Owon, "P4305": Owon, "GPP-4323": Gpp, "MX100TP": Tti, "PL303QMD-P": Tti,
}  # fmt: skip
