"""The CloudFormation templates: one module a stack, each with `build(config) -> Template`, over the building blocks."""
