# SPDX-License-Identifier: Apache-2.0
"""Goal: the page fits, stands still, speaks once a change, shows text as text and
calls old figures old, in a real browser at every width and in both colour
schemes. Method: a gateway of made-up figures; each check also runs over a copy
of the page that is broken on purpose, and must find that."""

import unittest

import looks
from browser import Browser
from fake import (FakeGateway, device, devices, reason, refused, status,
                  stream)


class PageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.browser = Browser()
        cls.addClassCleanup(cls.browser.stop)

    def open(self, edits=None, **how):
        fake = self.enterContext(FakeGateway(edits))
        page = self.enterContext(self.browser.open(fake.url, **how))
        page.until("#level", "All is well")
        return fake, page

    def hardest(self, edits=None):
        fake, page = self.open(edits)
        fake.status, fake.orders = looks.hardest()
        fake.devices = looks.hardest_devices()
        looks.until_asked_again(fake, page)
        return fake, page


class Looks(PageTest):
    def test_verdict_and_forecast_in_words(self):
        fake, page = self.open()
        self.assertIn("being sent", page.text("#link"))
        self.assertIn("41 h", page.text("#streams"))
        self.assertIn("3 min", page.text("#streams"))
        fake.status = status(
            stream(refused=2, last_error="too large"), stream("telemetry"),
            level="failing", reasons=[
                reason(stream="telemetry"),
                reason("no_room", "failing", text="the disk is full",
                       action="free some space")])
        looks.until_asked_again(fake, page)
        self.assertIn("Failing", page.text("#level"))
        first, second = page.text("#reasons .title").split("\n")
        self.assertIn("the disk is full", first)  # the worst one first
        self.assertIn("out of reach", second)
        self.assertIn("What to do: free some space", page.text("#reasons"))
        self.assertIn("a restart alone does not help", page.text("#reasons"))
        self.assertIn("2 events held: the cloud refuses them",
                      page.text("#streams .notes"))
        self.assertEqual(page.said(), [])

    def test_each_state_has_a_word_of_its_own(self):
        fake, page = self.open()
        fake.status = status(*[stream(f"s{n}", link=name) for n, name in
                               enumerate(looks.LINKS)])
        looks.until_asked_again(fake, page)
        said = page.text("#streams .word").split("\n")
        self.assertEqual(len(set(said)), len(looks.LINKS))
        self.assertEqual([word for word in said if "efused" in word],
                         ["✕ Refused by the cloud"])
        self.assertIn("Rejected from devices", page.text("#streams th"))

    def test_devices_in_words(self):
        fake, page = self.open()
        fake.devices = devices(
            device("till-9", "silent", connections=1, by="certificate",
                   rejected=2, certificate_ends="2026-11-18T11:06:40Z"),
            device("till-3", "refused", since=None, last_event=None, refused=[
                refused(count=12, words="shopme/s1/till-9/orders"),
                refused("password", 1)]),
            device("till-4", "offline"), device("till-1", "online"),
            registered=500, online=2, silent=1, silent_after_s=600,
            left_out=496, refused=[refused("password", 1), refused()],
            strangers={"connections": 2, "events": 1, "rejected": 0,
                       "refused": [refused("unknown", words="nobody")]})
        looks.until_asked_again(fake, page)
        names = page.text("#devices td strong").split("\n")
        self.assertEqual(names, ["till-9", "till-3", "till-4", "till-1"])
        self.assertEqual(page.text("#devices .word").split("\n"), [
            "! Silent", "✕ Turned away", "– Offline", "✓ Online"])
        text = page.text("#devices")
        for said in ("by certificate", "certificate ends 18 Nov", "2 rejected",
                     "other-device 12", "password 1", "not connected so far",
                     "not connected since", "connected since",
                     'other-device, "shopme/s1/till-9/orders"'):
            self.assertIn(said, text)
        self.assertEqual(page.text("#device-counts").split("\n"),
                         ["500 registered", "2 online", "1 silent",
                          "4 turned away"])
        self.assertIn("496 more are not shown here", page.text("#more-devices"))
        self.assertEqual(page.text("#strangers"),
                         'Without an account: 2 connected; 1 event sent; turned '
                         'away: unknown 3, the last "nobody".')
        fake.devices = devices(known=False)
        looks.until_asked_again(fake, page)
        self.assertIn("– online", page.text("#device-counts"))
        self.assertNotIn("connected", page.text("#devices tbody"))
        self.assertEqual(page.text("#devices .word"),
                         "? Not known\n? Not known")
        self.assertEqual(page.said(), [])

    def test_no_devices(self):
        """None has an account yet; or the broker is the site's own."""
        fake, page = self.open()
        self.assertIsNone(page.text("#no-devices"))
        fake.devices = devices(registered=0) | {"devices": []}
        looks.until_asked_again(fake, page)
        self.assertIn("device add NAME", page.text("#no-devices"))
        self.assertIsNone(page.text("#devices"))
        fake.status["devices"] = None
        looks.until_asked_again(fake, page)
        self.assertIsNone(page.text("#registered"))
        self.assertEqual(page.said(), [])

    def test_nothing_sticks_out(self):
        _, page = self.hardest()
        looks.fits(page)
        self.assertEqual(page.said(), [])

    def test_axe_finds_nothing_serious(self):
        _, page = self.hardest()
        looks.accessible(page)

    def test_no_column_moves(self):
        looks.stands_still(*self.open())

    def test_a_change_is_spoken_once(self):
        looks.says_once(*self.open())

    def test_text_stays_text(self):
        fake, page = self.open()
        looks.keeps_text_as_text(fake, page)
        self.assertEqual(page.said(), [])

    def test_another_program_brings_its_own_page(self):
        """After an upgrade the page of the old program loads the new one."""
        fake, page = self.open()
        page.evaluate("() => { window.old = true; }")
        fake.status["version"] = "9.9.0"
        page.until("#facts", "9.9.0")
        self.assertIsNone(page.evaluate("() => window.old ?? null"))
        self.assertEqual(page.said(), [])

    def test_a_silent_gateway_is_said(self):
        took = looks.tells_silence(*self.open())
        print(f"figure: a hung gateway is said after {took:.1f} s")

    def test_the_button_by_keyboard(self):
        """It is reached with the Tab key, is seen to be, and asks once."""
        fake, page = self.open(reduced=True)
        page.do("press", key="Tab")
        self.assertEqual(page.evaluate("""() => [document.activeElement.id,
            getComputedStyle(document.activeElement).outlineStyle]"""),
            ["uplink", "solid"])
        page.do("press", key="Enter")
        looks.until_asked_again(fake, page)
        self.assertEqual(fake.commands, [{"paused": True}])
        self.assertEqual(page.evaluate(
            "() => document.getAnimations().length"), 0)


class Controls(PageTest):
    """The page broken on purpose: the check that is meant for it finds it."""

    def broken(self, name, old, new):
        return {name: [(old, new)]}

    def test_text_taken_for_markup(self):
        fake, page = self.open(self.broken(
            "app.js", "made.textContent = text;", "made.innerHTML = text;"))
        with self.assertRaisesRegex(looks.Found, "made of a text"):
            looks.keeps_text_as_text(fake, page)

    def test_a_table_too_wide(self):
        _, page = self.hardest(self.broken(
            "style.css", "table-layout: fixed;",
            "table-layout: fixed; min-width: 40rem;"))
        with self.assertRaisesRegex(looks.Found, "at 320 px: .*wide"):
            looks.fits(page)

    def test_a_figure_that_does_not_wrap(self):
        _, page = self.hardest(self.broken(
            "style.css", ".number {", ".number { white-space: nowrap;"))
        with self.assertRaisesRegex(looks.Found, "sticks out of"):
            looks.fits(page)

    def test_columns_as_wide_as_their_text(self):
        fake, page = self.open({"style.css": [
            ("table-layout: fixed;", ""), ("#streams th:nth", "#other th:nth")]})
        with self.assertRaisesRegex(looks.Found, "moves"):
            looks.stands_still(fake, page)

    def test_a_device_that_does_not_wrap(self):
        _, page = self.hardest(self.broken(
            "style.css", "#devices th:nth-child(1) {",
            "#devices strong { white-space: nowrap; }\n"
            "#devices th:nth-child(1) {"))
        with self.assertRaisesRegex(looks.Found, "dddd.*sticks out of|wide"):
            looks.fits(page)

    def test_silence_is_not_watched(self):
        fake, page = self.open(self.broken(
            "app.js", "setInterval(checkSilence, CHECK_MS);", ""))
        with self.assertRaisesRegex(looks.Found, "No answer since"):
            looks.tells_silence(fake, page, seconds=4)

    def test_the_page_asks_only_once(self):
        fake, page = self.open(self.broken(
            "app.js", "state.timer = setTimeout(turn,",
            "state.timer = ((..._) => 0)(turn,"))
        with self.assertRaisesRegex(looks.Found, "does not ask"):
            looks.until_asked_again(fake, seconds=4)
        self.assertIsNotNone(page.text("#level"))

    def test_each_answer_is_spoken(self):
        fake, page = self.open(self.broken(
            "app.js", "if (state.spoken !== key) {", "{"))
        with self.assertRaisesRegex(looks.Found, "changes, heard"):
            looks.says_once(fake, page)

    def test_grey_on_white(self):
        _, page = self.hardest(self.broken(
            "style.css", "--faint: #55636f;", "--faint: #aab3bb;"))
        with self.assertRaisesRegex(looks.Found, "color-contrast"):
            looks.accessible(page)

    def test_a_script_that_throws(self):
        _, page = self.open(self.broken(
            "app.js", "setInterval(checkSilence", "setTimeout(() => {throw new "
            "Error('broken')}); setInterval(checkSilence"))
        self.assertRegex(" ".join(page.said()), "broken")

    def test_a_request_elsewhere(self):
        _, page = self.open(self.broken(
            "style.css", "* {", "main { background: "
            "url(http://127.0.0.1:9/x.png); }\n* {"))
        self.assertRegex(" ".join(page.said()), "asks elsewhere|Refused|violat")


if __name__ == "__main__":
    unittest.main(verbosity=2)
