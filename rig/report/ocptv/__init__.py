"""The journal as OCP Test & Validation output: one JSON Lines stream a run, schema version 2.0.

`write(folder, out)` is the way in. OCP's own Python library stamps every artifact with the time at which it is written,
which for stored runs is not when it happened; so the artifacts are made here.

Ref: opencomputeproject/ocp-diag-core, json_spec/README.md and json_spec/output/*.json.
"""

from __future__ import annotations

from rig.report.ocptv.stream import lines, write

__all__ = ["lines", "write"]
