#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A payment gateway for tests, that goes wrong as often as it is told.

    gateway.py --ledger FILE [--secret S] [--faults 0.3] [--seed N]
               [--trusting] [--slow SECONDS]

Prints its port.  Each charge is a line "KEY AMOUNT CURRENCY ACCOUNT" of the
ledger, written before anything else happens.  Faults, by chance, to a part of
the orders: the connection ends before or after the charge, 500 before or after
it, the answer comes too late, "pending" for a while; and to the same part of the
questions: 503, or no answer.  Accounts that begin with "poor" are declined.

--trusting: it does not look whether an order's key was charged before.  Whoever
sends an order twice then pays twice.

GET /stats: {"orders", "charges", "twice", "questions", "unsigned"}.  All else
under /echo is answered with 200 and the request's body.
"""
import argparse
import asyncio
import hashlib
import hmac
import json
import os
import random
import time

HEAD = "HTTP/1.1 {} Gateway\r\nContent-Length: {}\r\nConnection: close\r\n\r\n"


class Gone(Exception):
    """The connection ends without an answer."""


class Gateway:
    def __init__(self, args):
        self.args = args
        self.chance = random.Random(args.seed)
        self.ledger = os.open(
            args.ledger, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.state = {}  # key: what a question is answered
        self.ready = {}  # key: when it is no longer pending
        self.count = dict(orders=0, charges=0, twice=0, questions=0, unsigned=0)

    def fault(self, *kinds):
        if self.chance.random() < self.args.faults:
            return self.chance.choice(kinds)
        return None

    def signed(self, method, path, headers, body):
        canonical = "\n".join([
            "v1", method, path, headers.get("x-timestamp", ""),
            headers.get("idempotency-key", ""),
            hashlib.sha256(body).hexdigest()])
        want = "v1=" + hmac.new(self.args.secret.encode(), canonical.encode(),
                                hashlib.sha256).hexdigest()
        good = hmac.compare_digest(want, headers.get("x-signature", ""))
        fresh = abs(time.time() - int(headers.get("x-timestamp", 0))) < 300
        if not (good and fresh):
            self.count["unsigned"] += 1
        return good and fresh

    def charge(self, key, order):
        if key in self.state and not self.args.trusting:
            return self.state[key]
        if order["accountId"].startswith("poor"):
            self.state[key] = {"status": "declined", "reason": "no cover"}
            return self.state[key]
        line = "{} {} {} {}\n".format(
            key, order["amount"], order["currency"], order["accountId"])
        os.write(self.ledger, line.encode())
        self.count["charges"] += 1
        if key in self.state:
            self.count["twice"] += 1
        self.state[key] = {
            "status": "succeeded", "id": "p%d" % self.count["charges"],
            "amount": order["amount"], "currency": order["currency"]}
        return self.state[key]

    async def order(self, key, body):
        self.count["orders"] += 1
        fault = self.fault("drop", "500", "charged-drop", "charged-500",
                           "charged-late", "pending")
        if fault == "drop":
            raise Gone
        if fault == "500":
            return 500, {}
        answer = self.charge(key, json.loads(body))
        if fault == "charged-drop":
            raise Gone
        if fault == "charged-500":
            return 500, {}
        if fault == "charged-late":
            await asyncio.sleep(self.args.slow)
        if fault == "pending":
            self.ready[key] = time.time() + 0.5
            return 202, {"status": "pending"}
        return 201, answer

    def question(self, key):
        self.count["questions"] += 1
        fault = self.fault("503", "drop")
        if fault == "drop":
            raise Gone
        if fault == "503":
            return 503, {}
        if key not in self.state:
            return 404, {"status": "unknown"}
        if time.time() < self.ready.get(key, 0):
            return 200, {"status": "pending"}
        return 200, self.state[key]

    async def answer(self, method, path, headers, body):
        if path == "/stats":
            return 200, self.count
        if path.startswith("/echo"):
            return 200, {"body": body.decode(errors="replace")}
        if not self.signed(method, path, headers, body):
            return 401, {}
        key = headers.get("idempotency-key", "")
        if method == "POST" and path == "/v1/payments":
            return await self.order(key, body)
        if method == "GET" and path.startswith("/v1/operations/"):
            return self.question(key)
        return 404, {}

    async def serve(self, reader, writer):
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.split("\r\n")
            method, path, _ = first.split(" ")
            headers = {}
            for line in lines:
                name, _, value = line.partition(":")
                headers[name.lower()] = value.strip()
            body = await reader.readexactly(
                int(headers.get("content-length", 0)))
            status, said = await self.answer(method, path, headers, body)
            said = json.dumps(said).encode()
            writer.write(HEAD.format(status, len(said)).encode() + said)
            await writer.drain()
        except (Gone, OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ledger", required=True)
    parser.add_argument("--secret", default="")
    parser.add_argument("--faults", type=float, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--slow", type=float, default=2)
    parser.add_argument("--trusting", action="store_true")
    gateway = Gateway(parser.parse_args())
    server = await asyncio.start_server(
        gateway.serve, "127.0.0.1", 0, backlog=1000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
