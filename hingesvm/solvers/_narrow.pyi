from typing import Any

ROWS_PER_TILE: int
SOLVED: int
LEADS_NOWHERE: int
OUT_OF_WORK: int

def room_for(size: int) -> int: ...
def fill_tiles(*args: Any) -> None: ...
def minimise(*args: Any) -> tuple[int, int]: ...
