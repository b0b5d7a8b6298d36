"""Translates template.yaml as CloudFormation would, so that the result can be linted.

Linting the SAM file alone misses unknown event types, dangling references inside events and wrong
values in Globals.

    python translate.py template.yaml > translated.json
"""

import json
import sys

from samtranslator.translator.managed_policy_translator import ManagedPolicyLoader
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse


class ManagedPolicies(ManagedPolicyLoader):
    """The names that SAM looks up in IAM; there is no IAM here."""

    def __init__(self):
        super().__init__(None)

    def load(self):
        roles = ["AWSLambdaBasicExecutionRole", "AWSLambdaSQSQueueExecutionRole"]
        return {role: f"arn:aws:iam::aws:policy/service-role/{role}" for role in roles}


with open(sys.argv[1], encoding="utf-8") as file:
    template = yaml_parse(file)
for resource in template["Resources"].values():
    if resource["Type"] == "AWS::Serverless::Function":
        # `sam deploy` replaces the local folder in the same way.
        resource["Properties"]["CodeUri"] = "s3://bucket-name/key"
# A parameter without a default is given at deployment.
parameters = {name: "0" * 64 for name, parameter in template["Parameters"].items() if "Default" not in parameter}
json.dump(transform(template, parameters, ManagedPolicies()), sys.stdout, indent=1)
