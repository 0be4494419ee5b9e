"""The axe-core that judges is the one that was published, and what is wrong with a page is noticed."""

from hashlib import sha256
from pathlib import Path

from tests.browser.eyes import AXE, AXE_SHA256, AXE_VERSION, Eyes

BAD = """<!doctype html><html lang="de"><title>Bad</title><meta name="viewport" content="width=device-width">
<main><h1>Bad</h1><p style="color: #aaa; background: #fff">Too faint.</p><p style="width: 500px">Too wide.</p>
<img src="http://elsewhere.example/x.png"></main><script>console.error("Oh."); nothing.at.all</script>"""


def test_axe_is_the_one_that_is_noted() -> None:
    content = AXE.read_bytes()
    assert sha256(content).hexdigest() == AXE_SHA256
    assert content.startswith(f"/*! axe v{AXE_VERSION}\n".encode())
    assert b"Mozilla Public\n * License, v. 2.0" in content[:600]


async def test_whatever_is_wrong_is_noticed(eyes: Eyes, tmp_path: Path) -> None:
    eyes = Eyes(eyes._browser, tmp_path)
    async with eyes.at("bad") as sight:
        await sight.page.set_content(BAD)
        await sight.look("en")
    for trouble in (
        "axe at 390: color-contrast",
        "axe at 1360: image-alt",
        "at 390 it is",
        "asks another host: http://elsewhere.example/x.png",
        "no answer: http://elsewhere.example/x.png",
        "console: Oh.",
        "script: nothing is not defined",
        "its language is de, not en",
        f"seen in {tmp_path}/bad.390.png",
        f"seen in {tmp_path}/bad.1360.png",
    ):
        assert [one for one in sight.troubles if f"bad: {trouble}" in one], (trouble, sight.troubles)
    assert not [one for one in sight.troubles if "at 1360 it is" in one]
