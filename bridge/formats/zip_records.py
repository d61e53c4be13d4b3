"""The fixed records of a zip archive and the values of their fields (PKWARE APPNOTE 6.3, 4.3 to 4.5)."""

from __future__ import annotations

import struct
from typing import Final

STORED: Final = 0
DEFLATED: Final = 8

#: general purpose bit 11: the name is UTF-8. Set only where it says something.
UTF8_FLAG: Final = 0x800
#: 1980-01-01 00:00:00, the first moment that the format can say.
EPOCH_DATE: Final = (1 << 5) | 1
EPOCH_TIME: Final = 0

LOCAL: Final = struct.Struct("<4sHHHHHLLLHH")
CENTRAL: Final = struct.Struct("<4sBBHHHHHLLLHHHHHLL")
END: Final = struct.Struct("<4sHHHHLLH")
ZIP64_END: Final = struct.Struct("<4sQHHLLQQQQ")
ZIP64_LOCATOR: Final = struct.Struct("<4sLQL")

LOCAL_MAGIC: Final = b"PK\x03\x04"
CENTRAL_MAGIC: Final = b"PK\x01\x02"
END_MAGIC: Final = b"PK\x05\x06"
ZIP64_END_MAGIC: Final = b"PK\x06\x06"
ZIP64_LOCATOR_MAGIC: Final = b"PK\x06\x07"

#: a 32- or 16-bit field with all bits set: the value stands in the zip64 record.
MAX32: Final = 0xFFFFFFFF
MAX16: Final = 0xFFFF
ZIP64_EXTRA: Final = 0x0001

#: the system whose file modes the attributes hold.
UNIX: Final = 3
#: of the format that is needed to extract: 2.0, and 4.5 for zip64.
VERSION: Final = 20
VERSION_ZIP64: Final = 45
