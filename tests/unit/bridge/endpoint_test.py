# SPDX-License-Identifier: Apache-2.0
"""AWS's own rules (botocore's) judge our hosts: every region that they know, a
region that opens tomorrow, both services, with FIPS and dual-stack or not.

    endpoint_test.py PROGRAM      PROGRAM is endpoint_lines"""

import itertools
import subprocess
import sys

import botocore.session
from botocore.endpoint_provider import EndpointProvider

SERVICES = ("events", "kinesis")
ISOLATED = ("aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f")
# Of a partition that the installed rules may not have yet.
EUSC = {(0, 0): "{}.eusc-de-east-1.amazonaws.eu",
        (1, 0): "{}-fips.eusc-de-east-1.amazonaws.eu",
        (0, 1): "{}.eusc-de-east-1.api.amazonwebservices.eu",
        (1, 1): "{}-fips.eusc-de-east-1.api.amazonwebservices.eu"}
# What newer rules say otherwise than rules without that partition.
LATER = {("events", "us-gov", (1, 1)): "events.{}.api.aws",
         ("kinesis", "us-gov", (1, 0)): "kinesis.{}.amazonaws.com"}


def ours(program, cases):
    lines = "".join(f"{service} {region} {fips:d} {dual:d}\n"
                    for service, region, (fips, dual) in cases)
    done = subprocess.run([program], input=lines, text=True, check=True,
                          capture_output=True)
    return [line.split(" ") for line in done.stdout.splitlines()]


def main(program):
    loader = botocore.session.get_session().get_component("data_loader")
    rules = {service: EndpointProvider(
        loader.load_service_model(service, "endpoint-rule-set-1"),
        loader.load_data("partitions")) for service in SERVICES}
    partitions = loader.load_data("partitions")["partitions"]
    regions = {region: one["id"] for one in partitions
               for region in one["regions"] if not region.endswith("-global")}
    regions["eusc-de-east-1"] = "aws-eusc"
    tomorrow = {"eu-central-9": "aws", "cn-north-9": "aws-cn"}
    cases = list(itertools.product(SERVICES, regions | tomorrow,
                                   itertools.product((0, 1), (0, 1))))
    has_eusc = any(one["id"] == "aws-eusc" for one in partitions)
    wrong = judged = 0
    for case, (host, known) in zip(cases, ours(program, cases), strict=True):
        service, region, variant = case
        partition = (regions | tomorrow)[region]
        if partition in ISOLATED:
            right = "refused"
        elif partition == "aws-eusc" and not has_eusc:
            right = EUSC[variant].format(service)
        elif not has_eusc and (service, region[:6], variant) in LATER:
            right = LATER[service, region[:6], variant].format(region)
        else:
            url = rules[service].resolve_endpoint(
                Region=region, UseFIPS=bool(variant[0]),
                UseDualStack=bool(variant[1])).url
            right = url.removeprefix("https://")
        judged += 1
        if host != right or (known == "known") != (region in regions):
            wrong += 1
            print(f"{case}: {host} ({known}); botocore: {right}")
    print(f"{judged} hosts of {len(regions)} regions, {wrong} wrong "
          f"(botocore {botocore.__version__})")
    return 1 if wrong or judged < 200 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
