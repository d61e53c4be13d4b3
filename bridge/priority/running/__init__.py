"""The real programs: what each takes under the configuration that stands in a project, without installing anything.

    from bridge.priority.running.run import program_of, run_client
    run_client(client, project, requirements, home=...) -> Ran

A run sees copies of the project's configuration files and a home of its own. It resolves and never installs; the
clients are told to take wheels only, so that nothing of what they find is executed.
"""
