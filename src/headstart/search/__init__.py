"""Architecture search: methods that go through a finite space of heads and cells on cached features.

Nothing heavy is imported here: the module can also be called as the function `headstart.transfer.search.search`.
"""

from __future__ import annotations
