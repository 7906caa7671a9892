# SPDX-License-Identifier: Apache-2.0
"""A stand-in for the gateway, to test the devices alone: takes events, keeps
what it would keep, gives receipts and notices, and loses some of them. It may
be killed and started again; what it has taken it keeps, as a journal would."""

import collections
import decimal
import json
import random
import socket
import threading

import cbor2
import paho.mqtt.client as mqtt

ENDS = ("OrderFulfiled", "OrderCancelled", "OrderRejected")
SCARCE = "grinder"


class FakeGateway:
    def __init__(self, port, store="s1", seed=1, lose_receipts=0.0,
                 lose_notices=0.0, protocol=mqtt.MQTTv311):
        self.port, self.store, self.protocol = port, store, protocol
        self.random = random.Random(seed)
        self.lose_receipts, self.lose_notices = lose_receipts, lose_notices
        self.reject = lambda event: None  # a reason, or None
        self.tell_twice = False  # tell each order a second, different end
        self.faults = []  # what a device did that it may not do
        self.lock = threading.Lock()
        self.seqs = collections.Counter()
        self.events = {}  # (source, id) -> (stream, seq, event)
        self.sent = collections.Counter()  # (source, id) -> how often it came
        self.orders = {}  # orderId -> {"device", "data", "end", "notices"}
        self.stock = {}
        self.content_types = collections.Counter()
        self.status = {}
        self.client = None

    # -- the connection

    def start(self):
        client = mqtt.Client(client_id="fake-gateway", protocol=self.protocol)
        client.on_connect = self._on_connect
        client.on_message = self._on_message
        client.max_inflight_messages_set(1000)
        self.ready = threading.Event()
        client.on_subscribe = lambda *_: self.ready.set()
        client.reconnect_delay_set(1, 1)
        self.client = client
        client.connect_async("127.0.0.1", self.port)
        client.loop_start()
        return self

    def kill(self):
        """As a process that is gone: no DISCONNECT, nothing more is sent."""
        client, self.client = self.client, None
        client._thread_terminate = True
        client._sock.shutdown(socket.SHUT_RDWR)
        client._thread.join()

    def stop(self):
        if self.client is not None:
            self.client.disconnect()
            self.client.loop_stop()

    def _on_connect(self, client, *_):
        client.subscribe([(f"shopme/{self.store}/+/{leaf}", 1)
                          for leaf in ("orders", "telemetry", "status")])

    def _publish(self, device, leaf, payload):
        if self.client is not None:
            self.client.publish(f"shopme/{self.store}/{device}/{leaf}",
                                payload, qos=1)

    # -- what comes in

    def _on_message(self, client, _self, message):
        if client is not self.client:
            return
        _, _, device, leaf = message.topic.split("/")
        if leaf == "status":
            self.status[device] = message.payload.decode()
            return
        if self.protocol == mqtt.MQTTv5:
            kind = getattr(message.properties, "ContentType", None)
            self.content_types[kind] += 1
        with self.lock:
            try:
                self._take(device, leaf, message.payload)
            except Exception as error:  # pylint: disable=broad-except
                self.faults.append(f"{message.topic}: {error!r}")

    def _take(self, device, stream, payload):
        as_json = payload[:1] == b"{"
        event = json.loads(payload) if as_json else cbor2.loads(payload)
        self._check(device, event, payload)
        key = event["source"], event["id"]
        self.sent[key] += 1
        reason = self.reject(event)
        if reason:
            receipt = {"accepted": [],
                       "rejected": [{"id": event["id"], "reason": reason}]}
        else:
            seq = self._keep(device, stream, key, event)
            receipt = {"accepted": [{"id": event["id"], "seq": seq}],
                       "rejected": []}
        if self.random.random() >= self.lose_receipts:
            self._publish(device, "receipts", json.dumps(receipt)
                          if as_json else cbor2.dumps(receipt))

    def _keep(self, device, stream, key, event):
        known = self.events.get(key)
        if known:
            if known[2] != event:
                self.faults.append(f"{key}: the same id with other content")
            return known[1]
        seq = self.seqs[stream]
        self.seqs[stream] += 1
        self.events[key] = stream, seq, event
        if stream == "orders":
            getattr(self, "_" + event["type"])(device, event)
        return seq

    def _check(self, device, event, payload):
        wanted = {"specversion": "1.0", "source": f"/{self.store}/{device}"}
        for name, value in wanted.items():
            if event[name] != value:
                raise ValueError(f"{name} is {event[name]}")
        if len(payload) > 2048:
            raise ValueError(f"{len(payload)} bytes")

    # -- a shop of sorts

    def _OrderPlaced(self, device, event):  # pylint: disable=invalid-name
        data = event["data"]
        if event["subject"] != data["orderId"]:
            self.faults.append(f"subject {event['subject']}")
        total = sum(decimal.Decimal(item["unitPrice"]) * item["quantity"]
                    for item in data["items"])
        if total != decimal.Decimal(data["total"]):
            self.faults.append(f"{data['orderId']}: the total is not {total}")
        order = self.orders.get(data["orderId"])
        if order:
            if order["data"] != data:
                self.faults.append(f"{data['orderId']} placed with other data")
            for type_ in order["notices"]:
                self._notice(order, type_, data["orderId"], repeated=True)
            return
        order = {"device": device, "data": data, "end": None, "notices": []}
        self.orders[data["orderId"]] = order
        self._say(order, "OrderCreated", data["orderId"])
        for item in data["items"]:
            if item["sku"] == SCARCE:
                self.stock[SCARCE] = self.stock.get(SCARCE, 0) - item["quantity"]
                if self.stock[SCARCE] < 0:
                    return self._end(data["orderId"], "OrderCancelled")
        terminal = data["paymentDetails"].get("terminal")
        if terminal:
            return self.ask(terminal, data)
        return self._end(data["orderId"], "OrderFulfiled")

    def ask(self, terminal, data):
        self._publish(terminal, "notices", json.dumps({
            "specversion": "1.0", "id": f"pay-{data['orderId']}",
            "source": f"/{self.store}/payment", "type": "PaymentRequested",
            "subject": data["orderId"],
            "data": {"orderId": data["orderId"], "amount": data["total"],
                     "currency": "EUR", "terminal": terminal}}))

    def ask_open(self):
        """Open payments are asked for again, under the same ids."""
        with self.lock:
            for order in self.orders.values():
                terminal = order["data"]["paymentDetails"].get("terminal")
                if terminal and order["end"] is None:
                    self.ask(terminal, order["data"])

    def _PaymentAuthorized(self, device, event):  # pylint: disable=invalid-name
        if not event["data"]["paymentTransactionId"]:
            self.faults.append("no paymentTransactionId")
        self._answer(device, event, "OrderFulfiled")

    def _PaymentRefused(self, device, event):  # pylint: disable=invalid-name
        self._answer(device, event, "OrderCancelled")

    def _answer(self, device, event, end):
        order = self.orders[event["data"]["orderId"]]
        if order["data"]["paymentDetails"]["terminal"] != device:
            self.faults.append(f"{device} answered for another terminal")
        order.setdefault("answers", []).append(event["id"])
        self._end(event["data"]["orderId"], end)

    def _OrderCancelRequested(self, _device, event):
        order_id = event["data"]["orderId"]
        if order_id not in self.orders:
            self.faults.append(f"{order_id} cancelled before it was placed")
        elif self.orders[order_id]["end"] is None:
            self._end(order_id, "OrderCancelled")

    def _StockReceived(self, _device, event):
        for item in event["data"]["items"]:
            self.stock[item["sku"]] = (self.stock.get(item["sku"], 0)
                                       + item["quantity"])

    def _StockCounted(self, _device, event):
        for item in event["data"]["items"]:
            self.stock[item["sku"]] = item["quantity"]

    def _end(self, order_id, type_):
        order = self.orders[order_id]
        if order["end"] is not None:
            return
        order["end"] = type_
        self._say(order, type_, order_id)
        if self.tell_twice:
            other = ENDS[(ENDS.index(type_) + 1) % len(ENDS)]
            self._notice(order, other, order_id)

    def _say(self, order, type_, order_id):
        order["notices"].append(type_)
        self._notice(order, type_, order_id)

    def _notice(self, order, type_, order_id, repeated=False):
        if self.random.random() < self.lose_notices:
            return
        event = {"specversion": "1.0", "id": f"n-{type_}-{order_id}",
                 "source": f"/{self.store}/order", "type": type_,
                 "subject": order_id, "data": {"orderId": order_id}}
        if repeated:
            event["repeated"] = True
        self._publish(order["device"], "notices", json.dumps(event))

    # -- what it knows

    def ends(self):
        return collections.Counter(o["end"] for o in self.orders.values())
