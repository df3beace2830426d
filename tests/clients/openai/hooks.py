"""What schemathesis has to be told about this API."""

import schemathesis

# Checks that send requests without a credential, or with a wrong one, and expect 401.
STRANGERS = ("ST203", "ST401")


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Whoever fails to authenticate often is told to wait instead, before the request is looked at: that is a refusal as well."""
    told_to_wait = "429" in f"{failure.title} {failure.message}"
    return not (failure.code in STRANGERS and told_to_wait)


@schemathesis.hook
def map_headers(context, headers):
    """Most providers of a generator's do not exist, and that is all that such a request would show: half of them become one that does."""
    name = "x-loadlock-provider"
    if headers and len(str(headers.get(name, ""))) % 2:
        headers[name] = "local"
    return headers


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    """The same of providers that are probed."""
    if path_parameters and len(str(path_parameters.get("name", ""))) % 2:
        path_parameters["name"] = "local"
    return path_parameters
