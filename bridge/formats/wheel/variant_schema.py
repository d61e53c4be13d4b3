"""Names that PEP 825 and PEP 850 give to things; a new version of a schema changes this module and the next to it.

PEP 825 (provisionally accepted, schema 0.1.1) has `$schema`, `default-priorities` and `variants`. PEP 850 (draft,
schema 0.2.0) adds `providers`. Both files, `{name}-{version}-variants.json` of a release and
`{dist-info}/variant.json` of a wheel, have the same form; the wheel's lists only its own label.
"""

from __future__ import annotations

import re
from typing import Final

from bridge.limits import MIB

SCHEMA_825: Final = "https://variants-schema.wheelnext.dev/peps/825/v0.1.1.json"
SCHEMA_850: Final = "https://variants-schema.wheelnext.dev/peps/850/v0.2.0.json"
#: what is written.
CURRENT: Final = SCHEMA_850
#: with any other one a client cannot know whether `providers` must be there.
KNOWN: Final = frozenset({SCHEMA_825, SCHEMA_850})

SCHEMA_KEY: Final = "$schema"
PRIORITIES_KEY: Final = "default-priorities"
NAMESPACE_KEY: Final = "namespace"
PROVIDERS_KEY: Final = "providers"
VARIANTS_KEY: Final = "variants"

REQUIRES_KEY: Final = "requires"
PLUGIN_API_KEY: Final = "plugin-api"
STATIC_KEY: Final = "static-properties"
FEATURE_ORDER_KEY: Final = "feature-order"
BUILTIN_KEY: Final = "builtin"
OPTIONAL_KEY: Final = "optional"

#: name of the file in a wheel's dist-info directory.
MEMBER: Final = "variant.json"
#: ends the name of the file of a release.
INDEX_SUFFIX: Final = "-variants.json"

#: of namespaces and features.
NAME: Final = re.compile(r"[a-z0-9_]+")
#: of values and labels.
VALUE: Final = re.compile(r"[a-z0-9_.]+")

#: characters of a label that every draft of the schema allows; PEP 825 itself has no bound.
LONGEST_LABEL: Final = 16
#: bytes of a file; a release with a thousand variants needs a tenth of it.
LARGEST_FILE: Final = 4 * MIB
