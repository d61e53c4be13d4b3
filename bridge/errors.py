"""Stable codes and the exceptions that carry them.

`CB1xx` reading, `CB2xx` losses, `CB3xx` refusals, `CB4xx` priority findings. A code never changes its meaning;
`docs/codes.md` has an anchor for each.
"""

from __future__ import annotations

from enum import Enum


class Code(Enum):
    """A rule that an input broke, a loss, or a reason for a refusal: `(number, slug, remedy)`."""

    # --- CB1xx: the input cannot be read or must not be trusted ------------------------------------------------
    UNREADABLE = ("CB101", "unreadable-archive", "download the file again; it is damaged or not an archive")
    CONTAINER = ("CB102", "conda-container", "rebuild the package: CEP 35 wants exactly three stored members")
    INNER_STEM = ("CB103", "inner-name", "rename the file back to the name that it was published under")
    UNSAFE_PATH = ("CB104", "unsafe-path", "rebuild the package without this path")
    UNSAFE_LINK = ("CB105", "unsafe-link", "rebuild the package with links that stay inside it")
    MEMBER_TYPE = ("CB106", "member-type", "rebuild the package with files, directories and links only")
    DUPLICATE = ("CB107", "duplicate-member", "rebuild the package; two members share a name")
    NAME_CLASH = ("CB108", "name-clash", "rename one of the members; they clash on some file systems")
    LIMIT = ("CB109", "limit-exceeded", "raise the named limit if the file is trusted")
    MISSING_METADATA = ("CB110", "missing-metadata", "rebuild the package; a required file under info/ is absent")
    BAD_METADATA = ("CB111", "malformed-metadata", "rebuild the package; the named field is malformed")
    IDENTITY = ("CB112", "identity-mismatch", "rename or rebuild; file name, index.json and channel must agree")
    PAYLOAD_MISMATCH = ("CB113", "payload-mismatch", "download the file again or rebuild; paths.json disagrees")
    MISPLACED_INFO = ("CB114", "misplaced-info", "rebuild the package; info/ and payload are mixed up")
    BAD_IDENTIFIER = ("CB115", "bad-identifier", "rename; CEP 26 says which names, versions and builds are valid")
    BAD_SPEC = ("CB116", "bad-spec", "mend the requirement; no conda solver can read it")
    BAD_ENTRY_POINT = ("CB117", "bad-entry-point", "mend the entry point in link.json or entry_points.txt")
    HASH = ("CB118", "hash-mismatch", "download the file again from a source that is trusted")
    SOURCE = ("CB119", "source-failed", "check the address and the connection, then run again")
    BAD_PLACEHOLDER = ("CB120", "bad-placeholder", "rebuild the package; a prefix placeholder is malformed")
    BAD_DIST_INFO = ("CB121", "bad-dist-info", "rebuild the package with valid Python metadata")
    RECORD = ("CB122", "bad-record", "rebuild the wheel; RECORD and its members disagree")
    WHEEL_FILENAME = ("CB123", "bad-wheel-filename", "rename the wheel as the binary distribution format says")
    BAD_BINARY = ("CB124", "bad-binary", "rebuild the package; a binary in it is damaged")
    ZIP_STRUCTURE = ("CB125", "zip-structure", "rebuild the wheel; zip readers would disagree about its content")
    HOST = ("CB126", "bad-host", "describe the machine as `conda-bridge host` prints it")
    VARIANT_SCHEMA = ("CB130", "variant-schema", "write the file again as PEP 825 and PEP 850 say")
    VARIANT_NAMESPACES = ("CB131", "variant-namespaces", "list the same namespaces as priorities and as providers")
    VARIANT_PROPERTIES = ("CB132", "variant-properties", "mend the property; PEP 825 says which are valid")
    VARIANT_LABEL = ("CB133", "variant-label", "give file name, variant.json and variants file the same label")
    VARIANT_RELEASE = ("CB134", "variant-release", "make all wheels of the release from the same variant metadata")
    VARIANT_FALLBACK = ("CB135", "variant-fallback", "publish a wheel without a label beside the variants")

    # --- CB2xx: said by the input, not sayable on the other side ------------------------------------------------
    BUILD_STRING = ("CB201", "build-string", "pin the exact version, or publish the builds as variants")
    BUILD_NUMBER = ("CB202", "build-number", "pin the exact version, or publish the builds as variants")
    QUALIFIER = ("CB203", "spec-qualifier", "pin the source of the dependency in the client's configuration")
    HULL = ("CB204", "version-hull", "check that no version inside the hole can be installed")
    VERSION_DROPPED = ("CB205", "version-dropped", "pin the dependency by hand")
    CONSTRAINS = ("CB206", "run-constrained", "add the constraint to the project that installs the wheel")
    LINK_SCRIPT = ("CB207", "link-script", "run by hand what the script did, if it is needed")
    ACTIVATION = ("CB208", "activation-script", "set the variables that the script sets")
    MENU = ("CB209", "menu-file", "none needed outside desktop menus")
    SYMLINK = ("CB210", "symlink", "none needed; the way back restores it")
    BINARY_PREFIX = ("CB211", "binary-prefix", "set the location at run time (see the page of this code)")
    TEXT_PREFIX = ("CB212", "text-prefix", "set the location at run time (see the page of this code)")
    HARD_CODED_PATH = ("CB213", "hard-coded-path", "check that the program does not need that path")
    SONAME_CLASH = ("CB214", "soname-clash", "use the vendored layout where Python has loaded its own copy")
    UNMAPPED_NAME = ("CB215", "unmapped-name", "name the PyPI project in an overlay file, or convert the dependency")
    VIRTUAL_PACKAGE = ("CB216", "virtual-package", "publish the build as a variant")
    NO_REQUIREMENT = ("CB217", "not-a-requirement", "none needed; tags or the system stand for it")
    HOTFIX = ("CB218", "channel-hotfix", "none needed; the channel's record was used")
    VERSION_SPELLING = (
        "CB219",
        "version-spelling",
        "none needed; the conda version is kept in the wheel's conda/ files",
    )
    FEATURES = ("CB220", "features", "publish the builds as variants")
    REGENERATED = ("CB221", "regenerated", "none needed; installers and Python make these files again")
    PATH_EXECUTABLE = ("CB222", "executable-not-on-path", "call it by its full path, or use the prefix layout")
    SYSTEM_LIBRARY = ("CB223", "left-to-system", "install the library on the system")
    DATA_SCHEME = ("CB224", "data-scheme", "do not install this wheel with --target or into a conda environment")
    EXECUTABLE_METADATA = ("CB226", "executable-metadata", "read the file before installing; it runs code by itself")
    EMPTY_DIRECTORY = ("CB227", "empty-directory", "none needed; the way back restores it")
    FILE_MODE = ("CB228", "file-mode", "none needed; only the executable bit exists in a wheel")
    SHADOWED_SCRIPT = ("CB229", "shadowed-script", "none needed; the entry point of the same name replaces it")
    PYTHON_REQUIREMENT = ("CB230", "python-requirement", "none needed; conda's own requirements were used")
    MISSING_NAME = ("CB231", "own-name", "name the project in an overlay file")
    CONDITION = ("CB232", "condition", "none; the condition has no marker, so the requirement is unconditional")
    ENTRY_POINT = ("CB233", "entry-point-differs", "none needed; the program that conda makes was followed")
    IMPLEMENTATION = ("CB235", "python-implementation", "install the wheel only into the kind of Python named")
    PROGRAM_DEMAND = ("CB236", "program-demand", "run the program on a newer system")
    FOREIGN_LINK = ("CB237", "foreign-link", "install the package that owns the file, and use the file's own name")
    SELECTION = ("CB239", "selection-differs", "compare the two builds with `select` on the machine that is named")
    NOT_VENDORED = ("CB238", "not-vendored", "install by other means what is run, read or loaded by its name")
    NATIVE_DATA = ("CB240", "native-data", "check that the programs named are not needed to run the package")
    UNSERVED = ("CB241", "unserved-tag", "none; conda has no package for whoever the tag or machine stands for")
    GLIBC_UNKNOWN = ("CB242", "glibc-unknown", "build the wheel with a manylinux tag")
    EXTRA = ("CB243", "extra-left-out", "convert with --schema-version 3, or install what the extra names by hand")
    LAUNCHER = ("CB244", "windows-launcher", "on Windows, start the program with `python -m` or from a console")
    LICENSE_TEXT = ("CB245", "license-text", "none needed; METADATA in the package has the licence as it was")
    WHEEL_SIGNATURE = ("CB246", "wheel-signature", "verify the wheel's own signature before converting it")
    ENTRY_POINT_LEFT_OUT = ("CB247", "entry-point-left-out", "rebuild the wheel with a sound entry point")
    INSTALLERS_FILE = ("CB248", "installers-file", "do not install the package unless it may replace that file")
    NOT_OFFERED = ("CB250", "wheel-not-offered", "convert the wheel, and put the package into the channel")
    VARIANT_CONDITION = ("CB251", "variant-condition", "ask for the build by its build string where it is wanted")
    VARIANT_ORDER = ("CB252", "variant-order", "compare the two builds with `select` on the machine that is named")
    VARIANT_FLAG = ("CB253", "variant-flag", "ask for the build by its build string")
    NO_WAY_BACK = ("CB254", "no-way-back", "keep the wheel; it cannot be made again from the package")
    HOTFIX_LEFT = ("CB255", "hotfix-left", "none; what is restored says what its builder said, not what a channel says")
    STALE_REPODATA = ("CB257", "stale-repodata", "delete the file, or have the tool that made it make it again")
    SHADOWED_PACKAGE = ("CB258", "shadowed-package", "convert the two wheels into different directories")

    # --- CB3xx: understood, and refused -------------------------------------------------------------------------
    LAYOUT_PLATFORM = ("CB301", "layout-platform", "use --layout prefix")
    MARKER_PACKAGE = ("CB302", "marker-package", "none needed; the package is a mutex or ABI marker without files")
    INTERPRETER = ("CB303", "interpreter", "install Python itself by other means; a wheel cannot carry it")
    RPATH = ("CB304", "rpath", "use --layout vendored or --layout prefix")
    LIBRARY_NOT_FOUND = ("CB305", "library-not-found", "give the channel that has it with --channel")
    CHANNEL_NEEDED = ("CB306", "channel-needed", "give the channel that the package came from with --channel")
    UNSOLVABLE = ("CB307", "unsolvable", "give every channel that the package's dependencies come from")
    STRICT = ("CB308", "strict", "run without --strict to accept the loss")
    COLLISION = ("CB309", "collision", "use another layout, or rename the file: names must be distinct everywhere")
    PLATFORM = ("CB310", "platform", "none; the other side has no word for this platform")
    PYTHON_TAG = ("CB311", "python-tag", "none; the Python that the package is for cannot be said in a tag")
    REPLACES_PYTHON = ("CB312", "replaces-python", "rebuild the package without this program")
    SEVERAL_PROJECTS = ("CB313", "several-projects", "split the package; a wheel holds one project")
    BINARY_FORMAT = ("CB314", "binary-format", "use --layout prefix; the binary is not 64-bit little-endian ELF")
    SHADOWED = ("CB316", "shadowed-build", "convert one build at a time, or publish the builds as variants")
    NOT_AN_ARTIFACT = ("CB317", "not-an-artifact", "give .conda, .tar.bz2 or .whl files, or a directory of them")
    NO_MATCH = ("CB318", "no-match", "check the spec and the channels")
    PATCHER = ("CB319", "patcher-missing", "install patchelf, or use another layout")
    NAME_REFUSED = ("CB320", "name-refused", "name the project in an overlay file")
    PREFIX_TOO_LONG = ("CB321", "prefix-too-long", "use a shorter fixed prefix than the package's placeholder")
    OUTPUT_TAKEN = ("CB322", "output-taken", "choose another directory, or move away what is in it")
    PATCH_FAILED = ("CB323", "patch-failed", "use --layout prefix; patchelf cannot rewrite the binary")
    PYTHON_DIFFERS = ("CB325", "requires-python-differs", "convert the two builds apart, or rebuild one of them")
    MISLABELLED = ("CB326", "mislabelled-wheel", "rebuild the wheel with tags that are true of its binaries")
    NO_PYTHON = ("CB327", "no-python-left", "rebuild the wheel; its tags and Requires-Python exclude each other")
    TOO_MANY_PACKAGES = ("CB328", "too-many-packages", "convert with --schema-version 3, which needs one package")
    CONDA_EXECUTES = ("CB330", "conda-executes", "rebuild the wheel without this file")
    WINDOWS_NAME = ("CB331", "windows-name", "rename the file in the wheel")
    CONDA_IDENTIFIER = ("CB332", "conda-identifier", "none; conda's names and versions are shorter and plainer")
    LARGE_SCRIPT = ("CB333", "large-script", "rebuild the wheel with the data outside the script")
    RESTORE_CHANGED = ("CB335", "restore-changed", "take the original, or the file as the bridge made it")
    RESTORE_MALFORMED = ("CB336", "restore-malformed", "take the original, or the file as the bridge made it")
    RESTORE_NAME = ("CB337", "restore-name", "name the project in an overlay file")
    ZIP64_EDGE = ("CB324", "zip64-edge", "build the wheel again with a file more or less")
    CHANNEL_RECORD = ("CB338", "no-channel-record", "rebuild the package; its record would harm the channel")
    ELSEWHERE = ("CB339", "packages-elsewhere", "remove base_url, or index the directory that holds the packages")
    VARIANT_IMPOSSIBLE = ("CB340", "variant-impossible", "mend the properties; no machine satisfies them together")
    BUSY = ("CB341", "destination-busy", "wait until the other run has ended, then run again")
    NO_SPACE = ("CB342", "no-space", "make room, then run again; what was done is kept, and nothing was published")
    OTHER_SOURCE = ("CB343", "other-source", "give the source that the destination was made of, or another destination")
    SOURCE_EMPTY = ("CB344", "source-empty", "check the source; with --delete, what was made of it is taken away")
    EXTRA_MISSING = ("CB345", "extra-missing", "install the bridge with the extra that the message names")

    # --- CB4xx: findings about priorities ------------------------------------------------------------------------
    # CB401-CB426: what an audit finds, rule DC01 to DC26
    SPREAD_NAME = ("CB401", "spread-name", "claim the name for the source that should provide it")
    UNREGISTERED_NAME = ("CB402", "unregistered-name", "claim the name, and register it in the public source as well")
    TRANSITIVE_CLAIM = ("CB403", "transitive-claim", "pin the name where the client's pins reach, or host the overlay")
    VERSION_PRIORITY = ("CB404", "version-priority", "give the client one index, or a strict order")
    MISREAD_FLAG = ("CB405", "misread-flag", "remove the option that has no effect, and check what remains")
    FALL_THROUGH = ("CB406", "fall-through", "check that every source answers before resolving, or claim the names")
    LEAKY_STRICT = ("CB407", "leaky-strict", "pin the channel of the package, or host the overlay channels")
    FLEXIBLE_DISABLED = ("CB408", "flexible-is-disabled", "write channel_priority: strict")
    PIN_UNSATISFIABLE = ("CB409", "pin-unsatisfiable", "put the channel first, or host the overlay channels")
    PIN_IGNORED = ("CB410", "pin-ignored", "host the overlay channels; most solvers ignore the setting")
    UNLISTED_CHANNEL = ("CB411", "unlisted-channel", "remove the relation, or solve with channel_relations disabled")
    FOREIGN_ADDRESS = ("CB412", "foreign-address", "ask the owner of the source why its files lie elsewhere")
    MAPPING_CONFLICT = ("CB413", "mapping-conflict", "say in [names] what the package is called in the other ecosystem")
    SHARED_PROJECT = ("CB414", "shared-project", "say in [names] which conda package is the project")
    REDEFINED_CHANNEL = ("CB415", "redefined-channel", "write the channel's whole address instead of its name")
    LABEL_BOUNDARY = ("CB416", "label-boundary", "use a channel of its own as the boundary")
    HASH_CONFLICT = ("CB417", "hash-conflict", "find out which of the files is genuine, then remove or claim the other")
    METADATA_CONFLICT = ("CB418", "metadata-conflict", "compare with the file itself, and use the source that is right")
    VARIANT_CONFLICT = ("CB419", "variant-conflict", "claim the name for one source, so that labels have one meaning")
    VARIANT_SHADOWED = ("CB420", "variant-shadowed", "claim the name for the source that has the variants")
    INSECURE_TRANSPORT = ("CB421", "insecure-transport", "use https with verified certificates")
    LITERAL_CREDENTIALS = ("CB422", "literal-credentials", "revoke the secret; name a variable, netrc or a keyring")
    NO_MINIMUM_AGE = ("CB423", "no-minimum-age", "set a minimum age for the public source")
    LOCK_DISAGREES = ("CB424", "lock-disagrees", "lock again under the policy")
    MIRROR_DIFFERS = ("CB425", "mirror-differs", "refresh the mirror, or stop calling it one")
    PROJECT_STATUS = ("CB426", "project-status", "replace the project; install nothing that is quarantined")
    # CB430-CB439: what a Python client's configuration cannot say as the policy does
    SOURCE_ORDER = ("CB430", "source-order", "host the overlay index and compile for it, or give a resolution")
    LOWER_SOURCE = ("CB431", "lower-source", "host the overlay index and compile for it, or claim the name")
    SILENT_SOURCE = ("CB432", "silent-source", "check the sources before resolving, or install from a lock file")
    CLAIM_NAMES = ("CB433", "claim-names", "list the names in use when compiling, or host the overlay index")
    CLAIM_REACH = ("CB434", "claim-reach", "host the overlay index and compile for it, or give a resolution")
    AGE_UNSAYABLE = ("CB435", "age-unsayable", "host the overlay index and compile for it; it holds no young files")
    RESOLUTION_REFUSED = ("CB436", "resolution-refused", "resolve again under the policy, without secrets in addresses")
    CREDENTIALS_ELSEWHERE = ("CB437", "credentials-elsewhere", "give the credentials in the way that is named")
    VARIANT_UNSAYABLE = ("CB438", "variant-unsayable", "host the overlay index and compile for it")
    SOURCE_UNSAYABLE = ("CB439", "source-unsayable", "do by hand what the report names, or host the overlay index")
    # CB440-CB449: files of users that are edited, and what a conda client's configuration cannot say
    BLOCK_CONFLICT = ("CB440", "block-conflict", "take the key out of the file; what the policy says goes there")
    BLOCK_DAMAGED = ("CB441", "block-damaged", "put the markers back, or take the whole block out, and compile again")
    EDITED_FILE = ("CB442", "edited-file", "mend the file; the program that it is for cannot read it either")
    DRIFT = ("CB443", "compiled-drift", "compile again, and make changes in the policy, not in what is made of it")
    BOUNDED_ROOT = ("CB444", "bounded-root", "host the overlay channels and compile for them, or pin the channel")
    CHANNEL_CLAIM = ("CB445", "channel-claim", "host the overlay channels and compile for them")
    HIDDEN_OWNER = ("CB446", "hidden-owner", "host the overlay channels and compile for them, or put the owner first")
    CLAIMED_ONLY = ("CB447", "claimed-only-channel", "host the overlay channels and compile for them")
    CHANNEL_RELATIONS = ("CB448", "channel-relations", "host the overlay channels, or switch channel relations off")
    CHANNEL_SETTING = ("CB449", "channel-setting", "host the overlay channels, or do by hand what the report names")
    # CB450-CB459: what is wrong with a policy file
    POLICY_SYNTAX = ("CB450", "policy-syntax", "mend the line; a policy file is TOML in UTF-8")
    POLICY_VERSION = ("CB451", "policy-version", 'write schema = "bridge-policy/1", or update the bridge')
    POLICY_KEY = ("CB452", "policy-key", "mend the key; docs/policy.md lists them all")
    POLICY_VALUE = ("CB453", "policy-value", "write a value of the kind that the message names")
    POLICY_SOURCE = ("CB454", "policy-source", "define the source, and name every one but mirrors in order")
    POLICY_URL = ("CB455", "policy-url", "write the plain address; secrets go to the environment, netrc or a keyring")
    POLICY_NAME = ("CB456", "policy-name", "mend the name, or say which of the two is meant")
    POLICY_TIE = ("CB457", "policy-tie", "remove one of the two, or make one of them more specific")
    # CB460-CB469: filtered overlays
    OVERLAY_SOURCE = ("CB460", "overlay-source", "check the source and the connection, then refresh")
    OVERLAY_ADDRESS = ("CB461", "overlay-address", "ask the owner of the source why its files lie elsewhere")
    OVERLAY_HASH = ("CB462", "overlay-hash", "use a source that states sha256 for its files")
    OVERLAY_CHANGED = ("CB463", "overlay-changed", "find out who replaced the file, then accept its new sha256 or not")
    OVERLAY_GONE = ("CB464", "overlay-gone", "none needed where the owner withdrew the file; lock files may name it")
    OVERLAY_ENTRY = ("CB465", "overlay-entry", "none needed; the entry is left out, as no client should use it")
    OVERLAY_AGE = ("CB466", "overlay-age", "use a source that states times, or take min-age out of the policy")
    OVERLAY_DROPPED = ("CB467", "overlay-dropped", "none needed; what the source said does not reach any client")
    OVERLAY_UNSAID = ("CB468", "overlay-unsaid", "do what the message says; the overlay holds less than it could")
    OVERLAY_INTEGRITY = ("CB469", "overlay-integrity", "make the overlay again, and let nothing else write to it")
    # CB470-CB479: clients that are run
    CLIENT_MISSING = ("CB470", "client-missing", "install the client, or leave it out")
    CLIENT_RUN = ("CB471", "client-run", "mend what the message names; the client was not run")

    def __init__(self, number: str, slug: str, remedy: str) -> None:
        self.number = number
        self.slug = slug
        self.remedy = remedy

    @property
    def anchor(self) -> str:
        """Where the documentation explains this code, relative to the project's root."""
        return f"docs/codes.md#{self.number.lower()}-{self.slug}"

    @property
    def harmless(self) -> bool:
        """A loss that changes nothing for whoever installs the output; `--strict` lets it pass."""
        return self in _HARMLESS

    def __str__(self) -> str:
        return self.number


_HARMLESS = frozenset(
    {
        Code.SYMLINK,
        Code.HOTFIX,
        Code.VERSION_SPELLING,
        Code.REGENERATED,
        Code.NO_REQUIREMENT,
        Code.EMPTY_DIRECTORY,
        Code.FILE_MODE,
        Code.SHADOWED_SCRIPT,
        Code.PYTHON_REQUIREMENT,
        Code.ENTRY_POINT,
        Code.LICENSE_TEXT,
        Code.NO_WAY_BACK,
    }
)


def plain(text: str) -> str:
    """`text` as a terminal only shows it: what strangers wrote may hold escape sequences. Line ends stay."""
    return "".join(
        char if char.isprintable() or char == "\n" else char.encode("unicode_escape").decode() for char in text
    )


class BridgeError(Exception):
    """An input that was not converted: what broke which rule, where, and what to do about it.

    Args:
        code: the rule.
        message: what is wrong, in one sentence without a final stop.
        subject: the file (or address) that it is about.
        field: the member, field or line inside the subject.
    """

    def __init__(self, code: Code, message: str, *, subject: str | None = None, field: str | None = None) -> None:
        self.code = code
        self.message = message
        self.subject = subject
        self.field = field
        super().__init__(message)

    def __str__(self) -> str:
        # A name may have line ends too, and could pretend to be another message.
        where = ": ".join(part.replace("\n", r"\n") for part in (self.subject, self.field) if part)
        return plain(f"{self.code.number} {where + ': ' if where else ''}{self.message} ({self.code.remedy})")

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.code, self.message, self.subject, self.field)


class InvalidInput(BridgeError):
    """The input breaks a rule of its own format (`CB1xx`)."""


class Unsupported(BridgeError):
    """The input is sound, but of a kind that the bridge does not convert (`CB3xx`)."""


class Unrepresentable(BridgeError):
    """The input says something that the other side cannot say, and that must not be dropped (`CB3xx`)."""


def _rebuild(kind: type[BridgeError], code: Code, message: str, subject: str | None, field: str | None) -> BridgeError:
    return kind(code, message, subject=subject, field=field)
