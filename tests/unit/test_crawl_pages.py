"""HTML as strangers write it: encodings, links, and what keeps a parser busy."""

import asyncio
import sys
from typing import Any

import pytest

from project.jobs.web_crawl.charsets import decode, find_charset, find_encoding
from project.jobs.web_crawl.page_parser import MAX_LINKS, MAX_TEXT_CHARS, find_refresh, read_page
from project.jobs.web_crawl.parsing import PageParser, ReadPage


def read(html: str, charset: str = "") -> dict[str, Any]:
    return read_page(html.encode(), charset)


def test_links_are_read_with_their_text_and_their_authors_doubt() -> None:
    page = read(
        '<a href="/a"> The <b>first</b>\n one </a><area href="b"><iframe src="c"></iframe>'
        '<a rel="external NoFollow" href="d">ad</a><a name="no">none</a><a href>empty</a>'
        '<!-- <a href="comment"> --><script>"<a href=script>"</script>'
        '<svg><a href="e">drawn</a></svg>'
    )

    assert page["links"] == [
        ("/a", "The first one", False),
        ("b", "", False),
        ("c", "", False),
        ("d", "ad", True),
        ("", "empty", False),
        ("e", "drawn", False),
    ]


def test_head_is_read() -> None:
    page = read(
        "<title> A\n title </title><base href='/base/'><link rel='alternate' href='x'>"
        "<link rel='shortlink Canonical' href='/c'><meta name=ROBOTS content='NoIndex, NoFollow'>"
    )

    assert page["title"] == "A title"
    assert (page["base"], page["canonical"]) == ("/base/", "/c")
    assert page["robots"] == "noindex, nofollow"


def test_elements_that_are_whole_in_xml_hold_nothing() -> None:
    page = read_page(
        b'<head><title/><script src="a>b"/></head><a href="/x">x</a><br/><a href="/y"/>',
        "",
        is_xml=True,
    )

    assert [link[0] for link in page["links"]] == ["/x", "/y"]


@pytest.mark.parametrize(
    ("content", "href"),
    [
        ("0; url=/en/", "/en/"),
        ("5;URL='/en/' and more", "/en/"),
        ('0, url = "/en/"', "/en/"),
        ("1.5 /en/", "/en/"),
        ("  0;/en/ ", "/en/"),
        ("0", ""),
        ("0;", ""),
        ("url=/en/", ""),
        ("soon; url=/en/", ""),
    ],
)
def test_refresh_leads_where_it_leads_a_browser(content: str, href: str) -> None:
    assert find_refresh(content) == href


def test_refresh_and_frames_are_links() -> None:
    page = read(
        '<meta http-equiv="Refresh" content="0; url=/en/"><meta http-equiv=x content="0; url=/no">'
        '<meta http-equiv=refresh content=30><frameset><frame src="/menu"><frame></frameset>'
    )

    assert page["links"] == [("/en/", "", False), ("/menu", "", False)]


def test_page_without_anything_is_a_page() -> None:
    page = read("")

    assert page["links"] == []
    assert (page["title"], page["base"], page["canonical"]) == ("", "", "")


def test_long_texts_and_many_links_are_limited() -> None:
    page = read(f"<title>{'t' * 5000}</title>" + "<a href=x>y</a>" * (MAX_LINKS + 7))

    assert len(page["title"]) == MAX_TEXT_CHARS
    assert len(page["links"]) == MAX_LINKS
    assert page["links_left_out"] == 7


def test_link_that_is_too_long_leads_nowhere() -> None:
    assert read(f"<a href='/{'x' * 5000}'>y</a>")["links"] == [("", "y", False)]


@pytest.mark.parametrize(
    ("body", "charset"),
    [
        ("é".encode(), ""),
        ("é".encode(), "utf-8"),
        ("é".encode("latin-1"), "ISO-8859-1"),
        ("é".encode("cp1252"), "windows-1252"),
        ("é".encode("utf-16"), ""),
        (b"\xef\xbb\xbf" + "é".encode(), "iso-8859-1"),
        (b"<meta charset=iso-8859-1>" + "é".encode("latin-1"), ""),
        (b"<meta http-equiv=Content-Type content='text/html; charset=ISO-8859-15'>\xe9", "x"),
        (b"<meta name=x content='charset=koi8-r'>" + "é".encode(), ""),
        (b"<!-- <meta charset=koi8-r> --><meta charset='latin1'>\xe9", ""),
        (b"<meta charset=none-such><meta content='a' charset=\"l1\"/>\xe9", ""),
        (b"<meta charset=utf-16>" + "é".encode(), ""),
        (b"<meta charset=x-user-defined>\xe9", ""),
        (b"<?xml version='1.0' encoding='ISO-8859-1'?>\xe9", ""),
        (b"<?xml version='1.0' encoding='UTF-16'?>" + "é".encode(), ""),
        ("<?xml version='1.0'?>é".encode("utf-16-be"), ""),
        (b"\xe9 \xe9", ""),
        ("é".encode("utf-16-le"), "UTF-16"),
        ("é".encode(), "zlib"),
        ("é".encode(), "unicode_escape"),
        ("é".encode(), "utf-7"),
        ("é".encode(), "\0"),
    ],
)
def test_page_is_decoded_as_browsers_do(body: bytes, charset: str) -> None:
    assert decode(body, charset).endswith("é")


@pytest.mark.parametrize(
    ("label", "codec", "text"),
    [
        ("Shift_JIS", "cp932", "①～髙"),
        ("x-sjis", "cp932", "日本"),
        (" Windows-31J ", "cp932", "①"),
        ("gb2312", "gb18030", "中文龍"),
        ("GB_2312-80", "gb18030", "镕"),
        ("x-gbk", "gbk", "中"),
        ("gb18030", "gb18030", "𠮷"),
        ("big5", "big5hkscs", "嘅"),
        ("euc-kr", "cp949", "똠방각하"),
        ("ks_c_5601-1987", "cp949", "똠"),
        ("euc-jp", "euc_jis_2004", "①日本ｱ"),
        ("iso-2022-jp", "iso2022_jp_ext", "日本ｱ語 a"),
        ("iso-8859-9", "cp1254", "“ş”"),
        ("latin1", "cp1252", "“€”"),
        ("tis-620", "cp874", "ไทย…"),
        ("iso-8859-11", "cp874", "ไ"),
        ("iso-8859-8-i", "iso8859_8", "שלום"),
        ("koi8-ru", "koi8_u", "їґ"),
        ("x-mac-cyrillic", "mac_cyrillic", "Ж"),
        ("macintosh", "mac_roman", "ﬁ"),
        ("cp866", "cp866", "Ж"),
        ("sun_eu_greek", "iso8859_7", "α"),
        ("unicode-1-1-utf-8", "utf-8", "é"),
        ("ucs-2", "utf-16-le", "é"),
        ("unicodefffe", "utf-16-be", "é"),
    ],
)
def test_label_means_what_it_means_on_the_web(label: str, codec: str, text: str) -> None:
    page = f"{text}<a href=x>".encode(codec)

    assert decode(page, label) == f"{text}<a href=x>"


@pytest.mark.parametrize(
    ("body", "label", "text"),
    [
        (b"\xa1\xc1\xad\xb5", "euc-jp", "～Ⅰ"),
        (b"\x1b$B-!\x1b(B~", "iso-2022-jp", "①~"),
        (b"\xae\xbe", "koi8-u", "ўЎ"),
        (b"\x80", "gbk", "€"),
        (b"\x81", "windows-1252", "\x81"),
        (b"\xff", "windows-1253", "\ufffd"),
        (b"a\xe9", "x-user-defined", "a\uf7e9"),
        (b"anything <a href=x>", "iso-2022-kr", "\ufffd"),
    ],
)
def test_bytes_that_python_reads_differently_are_read_as_browsers_do(
    body: bytes, label: str, text: str
) -> None:
    assert decode(body, label) == text


@pytest.mark.parametrize("label", ["shift_jis", "gbk", "big5", "euc-kr", "euc-jp", "utf-8"])
def test_character_that_is_cut_off_swallows_no_element(label: str) -> None:
    assert decode(b"\x82<a href=x>", label) == "\ufffd<a href=x>"


@pytest.mark.parametrize("label", ["zlib", "utf-7", "cp037", "idna", "", "utf_8_sig"])
def test_encoding_of_python_alone_is_none(label: str) -> None:
    assert find_encoding(label) == ""


def test_page_cut_in_the_middle_of_a_character_is_utf_8_all_the_same() -> None:
    assert decode("ééé".encode()[:-1], "").startswith("éé")


def test_wrong_bytes_are_replaced() -> None:
    assert decode(b"a\xffb", "utf-8") == "a\ufffdb"


@pytest.mark.parametrize(
    ("content_type", "charset"),
    [
        ("text/html", ""),
        ("text/html; charset=utf-8", "utf-8"),
        ('text/html;Charset = "ISO-8859-1"', "ISO-8859-1"),
        ("text/html; charset=", ""),
    ],
)
def test_encoding_is_named_by_the_content_type(content_type: str, charset: str) -> None:
    assert find_charset(content_type) == charset


# ── The process beside the job ───────────────────────────────────────────────────────────────────


def read_all(*bodies: bytes, program: tuple[str, ...] = ()) -> list[ReadPage | None]:
    async def run() -> list[ReadPage | None]:
        parser = PageParser(program) if program else PageParser()
        try:
            return [await parser.read(body, "text/html") for body in bodies]
        finally:
            await parser.close()

    return asyncio.run(run())


def titles(pages: list[ReadPage | None]) -> list[str | None]:
    return [page and page.title for page in pages]


def test_page_that_keeps_the_parser_busy_costs_that_page_alone() -> None:
    """Two megabytes of nested elements take this parser minutes."""
    tangled = b"<div>" * 400_000

    pages = read_all(b"<title>one</title>", tangled, b"<title>two</title><a href=x>y")

    assert titles(pages) == ["one", None, "two"]
    assert pages[2] is not None
    assert pages[2].links[0].href == "x"


def test_parser_that_dies_costs_that_page() -> None:
    assert read_all(b"<p>", b"<p>", program=(sys.executable, "-c", "")) == [None, None]


def test_cancelled_reading_leaves_no_process_behind() -> None:
    async def run() -> ReadPage | None:
        parser = PageParser()
        reading = asyncio.ensure_future(parser.read(b"<div>" * 400_000, "text/html"))
        while parser.process_id is None:
            await asyncio.sleep(0)
        first = parser.process_id
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        assert parser.process_id is None
        page = await parser.read(b"<title>after</title>", "text/html")
        assert parser.process_id != first
        await parser.close()
        return page

    page = asyncio.run(run())

    assert page is not None
    assert page.title == "after"
