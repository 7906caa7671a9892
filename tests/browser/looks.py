# SPDX-License-Identifier: Apache-2.0
"""What the page must look like and say, as checks that a test runs over the page
as it is, and a control over a copy that is broken."""

import time

from fake import (WHEN, device, devices, order, orders, reason, refused, status,
                  stream, with_everywhere)

MARKUP = "<script>window.taken = 1</script><img src=x onerror='window.taken=1'>"
LINKS = ("online", "idle", "waiting", "paused", "throttled", "offline",
         "refused", "none")
WIDTHS = tuple(range(320, 1921, 40)) + (375, 414, 599, 601, 687, 688, 689, 768,
                                        1024, 1151, 1153, 1366)


class Found(AssertionError):
    """A check has found a fault in the page."""


def expect(holds, what):
    if not holds:
        raise Found(what)


def hardest():
    """The longest of everything, and each state."""
    long = "a-very-long-stream-name-of-sixty-three-characters-as-the-schema"
    rows = [stream(name if n else long, link=name, end=18446744073709,
                   cursor=18446744073, backlog=1234567890, refused=12,
                   rejected=1234567, duplicates=7654321, bytes=2 ** 45,
                   oldest_age_s=86400 * 20, commit_us_last=12345678,
                   full="the disk has no room" if n == 1 else "",
                   damaged=4, damage=[[7, 9], [40, 40]], dropped=77,
                   last_error="no route to host " + "x" * 120,
                   forecast={"bytes_in_per_s": 1023 * 2 ** 20,
                             "bytes_out_per_s": 1023.9,
                             "full_in_s": 86400 * 1234, "drained_in_s": 7199,
                             "flash_bytes_per_day": 2 ** 44})
            for n, name in enumerate(LINKS)]
    reasons = [reason(stream=long), reason("no_room", "failing"),
               reason("c" * 40, text="x" * 200, action="y" * 200)]
    made = status(*rows, level="failing", reasons=reasons)
    made["store"] = "store-" + "7" * 50
    return made, orders() + [
        order("9f2c4bd0-27c4-4f13-8f39-0f1c1e7fbd5e-" + "z" * 80, state,
              device="till-" + "9" * 59, total_minor=99999999999999,
              currency=currency, reason="r" * 200)
        for state, currency in (("open", "EUR"), ("fulfiled", "JPY"),
                                ("cancelled", "KWD"), ("rejected", "???"))]


def hardest_devices():
    """As many as an answer has, with the longest of everything."""
    rows = [device("d" * 60 + f"-{n:03d}", ("silent", "refused", "offline",
                                            "online")[n % 4],
                   connections=n % 3, by="certificate", events=2 ** 50 + n,
                   rejected=2 ** 48, certificate_ends=WHEN,
                   address="fe80:1234:5678:9abc:def0:1234:5678:9abc%enp0s31f6",
                   refused=[refused("no-certificate", 2 ** 40),
                            refused("other-device", 2 ** 52,
                                    words="shopme/" + "x" * 121)])
            for n in range(50)]
    others = {"connections": 1000, "events": 2 ** 50, "rejected": 7,
              "last_event": WHEN, "refused": [
                  refused("no-certificate", 2 ** 40, words="n" * 128),
                  refused("crl-expired", 2 ** 40)]}
    return devices(*rows, registered=10000, left_out=9950, silent=9999,
                   silent_after_s=60, strangers=others,
                   refused=[refused("unknown", 2 ** 50)])


def until_asked_again(fake, page=None, seconds=15):
    """Until the page shows what the gateway says now; with `page`, it is made to
    ask at once, as when a reader comes back to its tab."""
    turn, end = fake.asked + 2, time.monotonic() + seconds
    while fake.asked < turn:
        expect(time.monotonic() < end, "the page does not ask")
        if page:
            page.evaluate("() => document.dispatchEvent("
                          "new Event('visibilitychange')) && null")
        time.sleep(0.02)
    time.sleep(0.05)


def fits(page, widths=WIDTHS):
    """Nothing sticks out, at any width and in both schemes."""
    for scheme in ("light", "dark"):
        page.do("scheme", scheme=scheme)
        for width in widths:
            page.do("resize", width=width, height=900)
            found = page.check("overflow")
            expect(not found, f"at {width} px: {found[:3]}")
            hidden = page.check("columns") if width >= 700 else []
            expect(not hidden, f"at {width} px not to be seen: {hidden}")


def accessible(page):
    """axe finds nothing serious, in both schemes and on a phone."""
    for width, scheme in ((1280, "light"), (1280, "dark"), (375, "light"),
                          (375, "dark")):
        page.do("resize", width=width, height=900)
        page.do("scheme", scheme=scheme)
        found = page.axe()
        expect(not found, f"{width} px, {scheme}: {found}")


def stands_still(fake, page):
    """No column moves, whatever the states and figures."""
    for width in (768, 1280):
        page.do("resize", width=width, height=900)
        fake.status = status()
        until_asked_again(fake, page)
        before = page.check("edges")
        for name in LINKS:
            fake.status = status(
                stream(link=name, end=18446744073709, backlog=123456789),
                stream("telemetry", link="idle"), level="degraded",
                reasons=[reason()])
            until_asked_again(fake, page)
            now = page.check("edges")
            expect(now == before, f"at {width} px {name} moves {before} to "
                                  f"{now}")


def says_once(fake, page):
    """A screen reader is told each change once, and figures are no change."""
    def busy(fake):
        rows = fake.status["streams"]
        rows[0]["backlog"] += 7
        rows[0]["link"] = "waiting" if fake.asked % 2 else "online"
        for found in fake.status["verdict"]["reasons"]:
            found["text"] = f"{rows[0]['backlog']} events wait"

    fake.status = status()
    fake.turn = busy
    until_asked_again(fake, page)
    page.check("listen")
    steps = (
        (dict(), 0),
        (dict(level="degraded", reasons=[reason(stream="orders")]), 1),
        (dict(level="failing", reasons=[reason("no_room", "failing")]), 2),
        (dict(), 3))
    for change, wanted in steps:
        fake.status = status(**change)
        for _ in range(3):
            until_asked_again(fake, page)
        heard = page.check("heard")
        expect(len(heard) == wanted, f"{wanted} changes, heard {heard}")
    fake.turn = None


def keeps_text_as_text(fake, page):
    """Markup in any field of any answer is shown as it was sent."""
    rows = [stream(refused=1, damaged=1, damage=[[1, 1]], link="offline",
                   full="full", last_error="error"),
            stream("telemetry", link="unheard-of")]
    fake.status = with_everywhere(
        status(*rows, level="failing", reasons=[
            reason(stream="orders"), reason("no_room", "failing")]), MARKUP)
    fake.devices = with_everywhere(
        devices(device(by="password"), device("till-2", "refused", refused=[
            refused(words="shopme/")]),
            strangers={"connections": 1, "events": 2, "rejected": 0,
                       "refused": [refused("unknown", words="nobody")]}),
        MARKUP)
    fake.orders = with_everywhere(
        [order("o-1", "cancelled", reason="declined"), order("o-2")], MARKUP)
    page.do("reload")
    page.until("#level", "Failing")
    found = page.check("foreign")
    expect(not found, f"made of a text: {found}")
    expect(page.evaluate("() => window.taken") is None, "a text was run")
    for place in ("#store", "#facts", "#reasons .title", "#reasons .note",
                  "#streams td", "#streams .notes", "#orders td",
                  "#orders .note", "#devices td", "#devices .note",
                  "#devices .notes", "#strangers"):
        expect(MARKUP in (page.text(place) or ""), f"{place} lacks the text")


def tells_silence(fake, page, seconds=8):
    """A gateway that hangs is said, its figures are called old and nothing can
    be commanded; its return is said, too."""
    page.until("#level", "All is well")
    page.check("listen")
    fake.hung.clear()
    try:
        took = page.until("#silence", "No answer since", seconds)
        expect("not now" in page.text("#streams-old"), "figures look alive")
        expect("Not known" in page.text("#level"), "the verdict looks so")
        expect(page.evaluate("() => document.querySelector('#uplink').disabled"),
               "the button can be pressed")
        found = page.axe()
        expect(not found, f"old figures: {found}")
    except AssertionError as error:
        raise Found(str(error)) from error
    finally:
        fake.hung.set()
    until_asked_again(fake, page)
    expect(page.text("#silence") is None, "the banner stays")
    expect(not page.evaluate("() => document.querySelector('#uplink').disabled"),
           "the button stays dead")
    heard = page.check("heard")
    expect(len(heard) == 2 and "does not answer" in heard[0]
           and "All is well" in heard[1], f"heard {heard}")
    return took
