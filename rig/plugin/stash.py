"""Where a pytest session keeps what the rig is about."""

from __future__ import annotations

import pytest

from rig.plugin.campaign import Campaign
from rig.plugin.order import Order

ORDER = pytest.StashKey[Order]()
CAMPAIGN = pytest.StashKey[Campaign]()
