"""What the configuration of every client says, read from the files of a project in one form.

    from bridge.priority.configs.read import read_configs
    read_configs(project: Path, *, user: Path | None = None) -> tuple[ClientConfig, ...]

There is one `ClientConfig` (bridge.priority.configs.config) for each run of a client that the files describe: for each
requirements file one of pip, for each `environment.yml` one of conda and one of mamba, for each environment of hatch
that names sources one of hatch, whose `program` is the client that does the work.
"""
