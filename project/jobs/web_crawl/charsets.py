"""Decodes pages as browsers do: the Encoding Standard's labels and decoders.

Python's codecs differ from the web's: its `gb2312` is a small set that no page keeps to, and its
`iso-8859-1` has no quotation marks. Only the standard library is imported, because the page parser,
which must start fast, uses this module.

Sources: https://encoding.spec.whatwg.org/ (labels: 4.2, "Names and labels"), and the HTML Standard,
13.2.3.2, "Determining the character encoding".
"""

import codecs
import re

SCANNED_BYTES = 16 * 1024
"""How much of a page is searched for a meta element that names its encoding."""

# Each encoding with its labels.
_LABELS = {
    "utf-8": "unicode-1-1-utf-8 unicode11utf8 unicode20utf8 utf-8 utf8 x-unicode20utf8",
    "ibm866": "866 cp866 csibm866 ibm866",
    "iso-8859-2": "csisolatin2 iso-8859-2 iso-ir-101 iso8859-2 iso88592 iso_8859-2"
    " iso_8859-2:1987 l2 latin2",
    "iso-8859-3": "csisolatin3 iso-8859-3 iso-ir-109 iso8859-3 iso88593 iso_8859-3"
    " iso_8859-3:1988 l3 latin3",
    "iso-8859-4": "csisolatin4 iso-8859-4 iso-ir-110 iso8859-4 iso88594 iso_8859-4"
    " iso_8859-4:1988 l4 latin4",
    "iso-8859-5": "csisolatincyrillic cyrillic iso-8859-5 iso-ir-144 iso8859-5 iso88595"
    " iso_8859-5 iso_8859-5:1988",
    "iso-8859-6": "arabic asmo-708 csiso88596e csiso88596i csisolatinarabic ecma-114 iso-8859-6"
    " iso-8859-6-e iso-8859-6-i iso-ir-127 iso8859-6 iso88596 iso_8859-6 iso_8859-6:1987",
    "iso-8859-7": "csisolatingreek ecma-118 elot_928 greek greek8 iso-8859-7 iso-ir-126 iso8859-7"
    " iso88597 iso_8859-7 iso_8859-7:1987 sun_eu_greek",
    # Its two writing directions are one encoding with two names.
    "iso-8859-8": "csiso88598e csisolatinhebrew hebrew iso-8859-8 iso-8859-8-e iso-ir-138"
    " iso8859-8 iso88598 iso_8859-8 iso_8859-8:1988 visual csiso88598i iso-8859-8-i logical",
    "iso-8859-10": "csisolatin6 iso-8859-10 iso-ir-157 iso8859-10 iso885910 l6 latin6",
    "iso-8859-13": "iso-8859-13 iso8859-13 iso885913",
    "iso-8859-14": "iso-8859-14 iso8859-14 iso885914",
    "iso-8859-15": "csisolatin9 iso-8859-15 iso8859-15 iso885915 iso_8859-15 l9",
    "iso-8859-16": "iso-8859-16",
    "koi8-r": "cskoi8r koi koi8 koi8-r koi8_r",
    "koi8-u": "koi8-ru koi8-u",
    "macintosh": "csmacintosh mac macintosh x-mac-roman",
    "windows-874": "dos-874 iso-8859-11 iso8859-11 iso885911 tis-620 windows-874",
    "windows-1250": "cp1250 windows-1250 x-cp1250",
    "windows-1251": "cp1251 windows-1251 x-cp1251",
    "windows-1252": "ansi_x3.4-1968 ascii cp1252 cp819 csisolatin1 ibm819 iso-8859-1 iso-ir-100"
    " iso8859-1 iso88591 iso_8859-1 iso_8859-1:1987 l1 latin1 us-ascii windows-1252 x-cp1252",
    "windows-1253": "cp1253 windows-1253 x-cp1253",
    "windows-1254": "cp1254 csisolatin5 iso-8859-9 iso-ir-148 iso8859-9 iso88599 iso_8859-9"
    " iso_8859-9:1989 l5 latin5 windows-1254 x-cp1254",
    "windows-1255": "cp1255 windows-1255 x-cp1255",
    "windows-1256": "cp1256 windows-1256 x-cp1256",
    "windows-1257": "cp1257 windows-1257 x-cp1257",
    "windows-1258": "cp1258 windows-1258 x-cp1258",
    "x-mac-cyrillic": "x-mac-cyrillic x-mac-ukrainian",
    "gbk": "chinese csgb2312 csiso58gb231280 gb2312 gb_2312 gb_2312-80 gbk iso-ir-58 x-gbk",
    "gb18030": "gb18030",
    "big5": "big5 big5-hkscs cn-big5 csbig5 x-x-big5",
    "euc-jp": "cseucpkdfmtjapanese euc-jp x-euc-jp",
    "iso-2022-jp": "csiso2022jp iso-2022-jp",
    "shift_jis": "csshiftjis ms932 ms_kanji shift-jis shift_jis sjis windows-31j x-sjis",
    "euc-kr": "cseuckr csksc56011987 euc-kr iso-ir-149 korean ks_c_5601-1987 ks_c_5601-1989"
    " ksc5601 ksc_5601 windows-949",
    "replacement": "csiso2022kr hz-gb-2312 iso-2022-cn iso-2022-cn-ext iso-2022-kr replacement",
    "utf-16be": "unicodefffe utf-16be",
    "utf-16le": "csunicode iso-10646-ucs-2 ucs-2 unicode unicodefeff utf-16 utf-16le",
    "x-user-defined": "x-user-defined",
}
_ENCODINGS = {label: name for name, labels in _LABELS.items() for label in labels.split()}

# Python's codec for an encoding whose name differs.
_CODECS = {
    "macintosh": "mac_roman",
    "windows-874": "cp874",
    "x-mac-cyrillic": "mac_cyrillic",
    "gbk": "gb18030",
    "big5": "big5hkscs",
    "euc-jp": "euc_jp",
    "iso-2022-jp": "euc_jp",
    "shift_jis": "cp932",
    "euc-kr": "cp949",
}

# Characters that Python's codecs decode differently from the standard's tables.
_OTHER_CHARACTERS = {
    "euc_jp": str.maketrans(
        "\u301c\u2016\u2212\xa2\xa3\xac", "\uff5e\u2225\uff0d\uffe0\uffe1\uffe2"
    ),
    "koi8-u": str.maketrans("\u255d\u256c", "\u045e\u040e"),
}

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16le"),
    (codecs.BOM_UTF16_BE, "utf-16be"),
)
_WIDE_XML = ((b"<\0?\0x\0", "utf-16le"), (b"\0<\0?\0x", "utf-16be"))

_META = re.compile(rb"<!--.*?-->|<meta[\s/]((?:[^>\"']|\"[^\"]*\"|'[^']*')*)>", re.I | re.S)
_ATTRIBUTE = re.compile(rb"([^\s=/>\"']+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s>\"']+))")
_XML = re.compile(rb"\s*<\?xml[^>]{0,200}?\sencoding\s*=\s*[\"']([\w.:-]{2,40})", re.I)
_CHARSET = re.compile(r"charset\s*=\s*[\"']?\s*([^\s;\"',]{2,40})", re.I)

_ISO_2022_JP = re.compile(rb"\x1b(\$[@B]|\([BJI])")
_RAISED = bytes(byte | 0x80 if 0x21 <= byte <= 0x7E else byte for byte in range(256))


def find_encoding(label: str) -> str:
    """The encoding that a label means on the web; empty if it is unknown."""
    return _ENCODINGS.get(label.strip(" \t\n\f\r\"'").lower(), "")


def find_charset(content_type: str) -> str:
    """The label in a Content-Type; empty if it has none."""
    match = _CHARSET.search(content_type)
    return match[1] if match else ""


def decode(body: bytes, label: str) -> str:
    """Decode a page; `label` is the charset that the server names, or empty."""
    for mark, name in _MARKS:
        if body.startswith(mark):
            return _decode_as(name, body[len(mark) :])
    return _decode_as(find_encoding(label) or _find_in_page(body) or _guess(body), body)


def _find_in_page(body: bytes) -> str:
    for beginning, name in _WIDE_XML:
        if body.startswith(beginning):
            return name
    head = body[:SCANNED_BYTES]
    declared = _XML.match(head)
    name = _find_in_meta(head) or (find_encoding(declared[1].decode("ascii")) if declared else "")
    # A label that is readable in ASCII is not in UTF-16: the standard then uses UTF-8.
    return "utf-8" if name.startswith("utf-16") else name


def _find_in_meta(head: bytes) -> str:
    for element in _META.finditer(head):
        values: dict[str, str] = {}
        for name, *ways in _ATTRIBUTE.findall(element[1] or b""):
            values.setdefault(_plain(name).lower(), _plain(b"".join(ways)))
        label = values.get("charset", "")
        if not label and values.get("http-equiv", "").strip().lower() == "content-type":
            label = find_charset(values.get("content", ""))
        if encoding := find_encoding(label):
            return "windows-1252" if encoding == "x-user-defined" else encoding
    return ""


def _plain(value: bytes) -> str:
    return value.decode("latin-1")


def _guess(body: bytes) -> str:
    """UTF-8 if the body is valid UTF-8, else what browsers assume in most countries."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(body)  # a character may be cut at the end
    except UnicodeDecodeError:
        return "windows-1252"
    return "utf-8"


def _decode_as(encoding: str, body: bytes) -> str:
    if encoding == "replacement":  # browsers refuse these: they hide scripts from filters
        return "\ufffd" if body else ""
    if encoding == "x-user-defined":
        return body.decode("latin-1").translate({byte: 0xF700 + byte for byte in range(128, 256)})
    if encoding == "iso-2022-jp":
        body = _raise_to_euc(body)
    codec = _CODECS.get(encoding, encoding)
    text = body.decode(codec, "as-browsers")
    return text.translate(_OTHER_CHARACTERS[codec]) if codec in _OTHER_CHARACTERS else text


def _raise_to_euc(body: bytes) -> bytes:
    """ISO-2022-JP as EUC-JP: the same characters, marked by a high bit instead of escapes."""
    first, *rest = _ISO_2022_JP.split(body)
    raised = [first]
    for escape, run in zip(rest[::2], rest[1::2], strict=True):
        if escape.startswith(b"$"):
            raised.append(run.translate(_RAISED))
        elif escape == b"(I":  # half-width katakana
            raised.append(re.sub(rb"[!-_]", lambda one: b"\x8e" + one[0].translate(_RAISED), run))
        else:
            raised.append(run)
    return b"".join(raised)


def _replace(error: UnicodeError) -> tuple[str, int]:
    """The standard's character if Python's codec has none; else U+FFFD."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    start, codec = error.start, error.encoding
    byte = error.object[start]
    if codec == "charmap" and byte < 0xA0:
        return chr(byte), start + 1
    if codec == "gb18030" and byte == 0x80:
        return "€", start + 1
    if codec == "euc_jp":
        pair = error.object[start : start + 2]
        if len(pair) == 2 and min(pair) >= 0xA1:
            return _read_pair(*pair), start + 2
    return "\ufffd", error.end


def _read_pair(row: int, cell: int) -> str:
    """A character of JIS X 0208 with vendor rows, read from Windows' Shift_JIS."""
    index = (row - 0xA1) * 94 + cell - 0xA1
    lead, trail = divmod(index, 188)
    pair = (lead + (0x81 if lead < 0x1F else 0xC1), trail + (0x40 if trail < 0x3F else 0x41))
    return bytes(pair).decode("cp932", "replace")


codecs.register_error("as-browsers", _replace)
