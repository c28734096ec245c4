"""What the services need from the outside, as protocols; `aws/` implements them, the tests' fakes too.

Every method raises only `iot_dr.errors`. Not found on a read is None or empty, said by AWS and never guessed;
already gone on a delete is success.
"""
