# SPDX-License-Identifier: Apache-2.0
"""Goal: what a person sees of a real store on the page: the verdict, the
forecast, an order to its end, the cloud going away and coming back, the gateway
killed and back, and whatever devices send as text. Method: the gateway with
Mosquitto and the local cloud, and chromium on the gateway's own page."""

import contextlib
import pathlib
import random
import re
import socket
import subprocess
import sys
import threading
import time
import unittest

import looks
from browser import Browser

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]
                       / "integration"))
from edge import EDGE, Device, Store, mqtt, wait_for  # noqa: E402
import signal  # noqa: E402

ROW = "#streams tbody tr:first-child td:nth-child"
LINK = f"{ROW}(2)"
SAID_S = 2  # the page says what happened to the link within that
OUTAGES = 4
MARKUP = "<img src=x onerror=taken=1>"  # without a slash it fits in a topic
# What chromium itself writes while a gateway is down.
UNREACHABLE = re.compile(r"net::ERR_(CONNECTION_(REFUSED|RESET)|EMPTY_RESPONSE)")


@contextlib.contextmanager
def busy(send):
    """Calls `send` with 0, 1, ... some 20 times a second meanwhile."""
    over = threading.Event()

    def work():
        count = 0
        while not over.wait(0.05):
            send(count)
            count += 1

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


class StoreTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.browser = Browser()
        cls.addClassCleanup(cls.browser.stop)

    def setUp(self):
        self.store = self.enterContext(Store(orders="capacity: 256 MiB,"))
        self.store.gateway.start().wait_up()
        self.till = self.device("till-1")
        self.page = self.open()
        self.page.until("#level", "All is well")

    def device(self, name):
        device = Device(self.store, name)
        self.addCleanup(device.close)
        return device

    def open(self):
        return self.enterContext(self.browser.open(
            f"http://127.0.0.1:{self.store.page_port}/"))

    def test_the_verdict_and_an_order(self):
        self.till.send(self.till.order("order-4711"))
        took = self.page.until("#orders", "✓ fulfilled")
        self.assertIn("order-4711", self.page.text("#orders"))
        print(f"figure: an order's end is on the page after {took:.1f} s")
        self.page.until("#link", "Everything is in the cloud")
        self.assertEqual(self.page.said(), [])

    def said_in_time(self, word, began):
        """The page says it within two seconds of the change itself."""
        while word not in (self.page.text(LINK) or ""):
            self.assertLess(time.monotonic() - began, 30,
                            f"{self.page.text(LINK)} is not {word}")
        took = time.monotonic() - began
        print(f"figure: {word.lower()}: the page says it after {took:.2f} s")
        self.assertLess(took, SAID_S)

    def cloud_returns(self):
        """Starts it; when it listened, whatever its start took after that."""
        listened = []

        def watch():
            while not listened:
                with contextlib.suppress(OSError):
                    socket.create_connection(
                        ("127.0.0.1", self.store.cloud.port), 1).close()
                    listened.append(time.monotonic())
                time.sleep(0.005)

        thread = threading.Thread(target=watch)
        thread.start()
        self.store.cloud.start()
        thread.join()
        return listened[0]

    def cloud_goes(self):
        began = time.monotonic()
        self.store.cloud.stop(signal.SIGKILL)
        # Each order is a request: the gateway knows with the next.
        self.said_in_time("Offline", began)

    def test_the_cloud_goes_away_and_returns(self):
        self.page.check("listen")
        with busy(lambda n: self.till.send(self.till.order(f"o-{n}"))):
            self.page.until(LINK, "Online")
            self.cloud_goes()
            self.page.until("#link", "No link to the cloud; the store keeps "
                                     "selling")
            self.page.until("#level", "Needs attention")
            self.page.until("#reasons", "What to do: ")
            self.page.until(f"{ROW}(3)", "oldest")
            wait_for("a forecast in words", lambda: re.fullmatch(
                r"\d+ (min|h|d)", self.page.text(f"{ROW}(5)")), 30, 0.2)
            self.assertRegex(self.page.text(f"{ROW}(6)"),
                             r"^in [1-9][\d.]* (Ki)?B/s")
            print("figure: full in " + self.page.text(f"{ROW}(5)"))
            self.said_in_time("Online", self.cloud_returns())
        self.page.until("#link", "Everything is in the cloud", 60)
        self.page.until("#level", "All is well", 60)
        spoken = self.page.check("heard")
        self.assertIn("orders: ", spoken[0])
        self.assertIn("All is well", spoken[-1])
        self.assertLessEqual(len(spoken), 6, spoken)
        self.assertEqual(self.page.said(), [])

    def test_each_return_of_the_cloud_is_said_in_time(self):
        """Whatever the phases of the gateway's attempts and the page's."""
        with busy(lambda n: self.till.send(self.till.order(f"o-{n}"))):
            for _ in range(OUTAGES):
                self.page.until(LINK, "Online")
                self.cloud_goes()
                # Long enough for the longest wait between two attempts.
                time.sleep(random.uniform(3, 4))
                self.said_in_time("Online", self.cloud_returns())
        self.assertEqual(self.page.said(), [])

    def test_devices(self):
        """A till with an account comes, is turned away at a topic, and goes;
        strangers are counted, whatever they call themselves."""
        self.page.until("#no-devices", "device add NAME")
        done = subprocess.run([EDGE, "device", "add", "till-7", "--config",
                               self.store.config_path], text=True,
                              capture_output=True, timeout=30)
        self.store.accounts.passwords["till-7"] = done.stdout.strip()
        self.page.until("#devices", "not connected so far")
        self.page.until("#strangers", "1 connected")
        stranger = mqtt.Client(client_id=MARKUP)
        stranger.username_pw_set(looks.MARKUP, "wrong")
        stranger.connect("127.0.0.1", self.store.broker_port)
        stranger.loop_start()
        till = self.store.client("till-7", mqtt.MQTTv5)
        till.connect("127.0.0.1", self.store.broker_port)
        till.loop_start()
        took = self.page.until("#devices", "by password")
        print(f"figure: a device is on the page after {took:.1f} s")
        till.publish(f"shopme/s1/{MARKUP}/orders", "{}", qos=1)
        self.page.until("#devices", "Turned away")
        self.page.until("#devices .notes", f"shopme/s1/{MARKUP}/orders")
        self.page.until("#strangers", looks.MARKUP)
        stranger.loop_stop()
        till.disconnect()
        till.loop_stop()
        self.page.until("#devices", "not connected since")
        self.assertEqual(self.page.check("foreign"), [])
        self.assertIsNone(self.page.evaluate("() => window.taken ?? null"))
        looks.fits(self.page, (320, 768, 1280))
        self.assertEqual(self.page.said(), [])

    def test_the_gateway_is_killed(self):
        self.till.send(self.till.order("order-1"))
        self.page.until("#orders", "fulfilled")
        self.store.gateway.stop(signal.SIGKILL)
        took = self.page.until("#silence", "No answer since", 10)
        print(f"figure: a killed gateway is said after {took:.1f} s")
        self.assertLess(took, 5)
        self.assertIn("not now", self.page.text("#streams-old"))
        self.assertIn("Not known", self.page.text("#level"))
        self.assertTrue(self.page.evaluate(
            "() => document.querySelector('#uplink').disabled"))
        self.assertIn("order-1", self.page.text("#orders"))
        self.store.gateway.start().wait_up()
        self.page.until("#level", "✓ All is well", 15)
        self.assertIsNone(self.page.text("#silence"))
        self.assertEqual(self.page.text("#streams-old") or "", "")
        self.page.do("click", selector="#uplink")
        self.page.until(LINK, "Paused")
        self.page.until("#uplink", "Resume sending")
        self.page.do("click", selector="#uplink")
        self.page.until("#uplink", "Pause sending")
        other = [line for line in self.page.said()
                 if not UNREACHABLE.search(line)]
        self.assertEqual(other, [])

    def test_script_in_every_field_of_an_event(self):
        """Fields that the gateway takes are shown as they came; those that it
        refuses are counted. Nothing is run, whichever it is. (The broker's door
        lets no such name of a device through: test_devices.)"""
        till = self.till
        whole = till.order(looks.MARKUP[:40] + MARKUP[:20], looks.MARKUP)
        good = till.order("good-1")
        till.send(till.order(MARKUP, f"e-{looks.MARKUP}", customerId=looks.MARKUP,
                             items=[looks.MARKUP[:60]], note=looks.MARKUP))
        sent = 0
        for name in [*good, "time", "datacontenttype"]:
            till.send(good | {"id": f"f-{name}"} | {name: looks.MARKUP})
            sent += 1
        for name in [*good["data"], "currency", "reason"]:
            till.send(till.order(f"d-{name}", **{name: looks.MARKUP}))
            sent += 1
        for name in good["data"]["paymentDetails"]:
            details = good["data"]["paymentDetails"] | {name: looks.MARKUP}
            till.send(till.order(f"p-{name}", paymentDetails=details))
            sent += 1
        till.send(whole)
        till.send(till.event("OrderCancelRequested", "cancel-1", {
            "orderId": MARKUP, "reason": looks.MARKUP}))
        till.send(till.event(looks.MARKUP, "type-1", {}))
        till.send(looks.MARKUP)
        self.page.until("#orders", MARKUP)
        stream = wait_for("each is answered", lambda: (
            (s := self.store.gateway.stream()) and
            s["received"] >= sent + 5 and s), 30)
        self.assertGreater(stream["rejected"], 5)
        self.page.until(f"{ROW}(8)", f"{stream['rejected']}")
        self.assertEqual(self.page.check("foreign"), [])
        self.assertIsNone(self.page.evaluate("() => window.taken ?? null"))
        looks.fits(self.page, (320, 768, 1280))
        self.assertEqual(self.page.said(), [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
