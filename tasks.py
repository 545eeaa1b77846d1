"""Set up, test and open the workbench: ``python tasks.py help`` lists the commands.

Only the standard library, and only syntax that an old Python can read, since such a Python must
get as far as the sentence that says what is missing.
"""

import hashlib
import os
import shutil
import subprocess
import sys

OLDEST = (3, 11)
ROOT = os.path.dirname(os.path.abspath(__file__))
LOCK = "requirements.lock"
PROJECT = "pyproject.toml"

SAMPLE = os.path.join("data", "raw", "sample")
TABLES = os.path.join("data", "derived")
TEST_SAMPLE = os.path.join("build", "sample", "raw")
TEST_TABLES = os.path.join("build", "sample", "workspace")
TESTED = ["tests", "crmlib", "notebooks", "dashboards"]
LITTER = ["build", "dist", ".hypothesis", ".mypy_cache", ".pytest_cache", ".ruff_cache"]


def stop(message):
    """Leave with a message, in place of a traceback."""
    sys.exit("tasks.py: " + message)


def run(command, extra=None):
    """Run a command in the project's folder; leave with its exit code unless it is 0.

    Parameters
    ----------
    command : list of str
    extra : dict of str, optional
        Added to the environment.
    """
    try:
        code = subprocess.call(command, cwd=ROOT, env=dict(os.environ, **(extra or {})))
    except KeyboardInterrupt:  # Ctrl-C is how a server is closed
        code = 130
    if code:
        sys.exit(code)


# --- The virtual environment ----------------------------------------------------------------------


class Venv(object):
    """A virtual environment that knows whether it is whole.

    Its file ``.ready`` is written last. First line: this Python in this folder, or else everything
    is made anew. Second line: that, the lock and pyproject.toml, or else they are installed again.
    """

    def __init__(self, root, run=run):
        self.root = root
        self.folder = os.path.join(root, ".venv")
        self.ready = os.path.join(self.folder, ".ready")
        self.run = run

    def program(self, name):
        """Return the path of a program in the environment, on Windows too."""
        if os.name == "nt":
            return os.path.join(self.folder, "Scripts", name + ".exe")
        return os.path.join(self.folder, "bin", name)

    def python_facts(self):
        """Return the environment's Python version and prefix, or nothing if it does not run."""
        ask = "import sys; print(sys.version); print(sys.prefix)"
        try:
            return subprocess.check_output(
                [self.program("python"), "-c", ask], stderr=subprocess.STDOUT
            )
        except (OSError, subprocess.CalledProcessError):
            return b""

    def marks(self):
        """Return the two lines that ``.ready`` should hold."""
        python = hashlib.sha256(self.python_facts())
        everything = python.copy()
        for name in (LOCK, PROJECT):
            with open(os.path.join(self.root, name), "rb") as file:
                everything.update(hashlib.sha256(file.read()).digest())
        return [python.hexdigest(), everything.hexdigest()]

    def found(self):
        """Return the lines of ``.ready``; none if the set-up never came to its end."""
        if not self.python_facts() or not os.path.exists(self.ready):
            return []
        with open(self.ready) as file:
            return file.read().split()

    def prepare(self):
        """Bring the environment in step with the lock, doing only what is needed."""
        wanted, found = self.marks(), self.found()
        if found == wanted:
            return
        if found[:1] != wanted[:1]:
            self.make()
        else:
            os.remove(self.ready)  # from here to the last line the environment is half-made
        self.install()
        with open(self.ready, "w") as file:
            file.write("\n".join(self.marks()) + "\n")

    def make(self):
        """Make the environment, without what an earlier attempt left."""
        check_venv()
        say("[1/3] making .venv")
        try:
            if os.path.lexists(self.folder):
                shutil.rmtree(self.folder)
        except OSError as error:
            stop("cannot remove .venv; deactivate it and try again ({})".format(error))
        # From inside a virtual environment the one below it: ours may be what was just removed.
        python = getattr(sys, "_base_executable", None) or sys.executable
        self.run([python, "-m", "venv", self.folder])

    def install(self):
        """Install the locked packages, each by its hash, then the project itself in place."""
        pip = [self.program("python"), "-m", "pip", "install", "-qq", "--no-input"]
        pip += ["--disable-pip-version-check", "--no-deps"]
        say("[2/3] installing {} (up to a minute)".format(LOCK))
        self.run(pip + ["--require-hashes", "--only-binary", ":all:", "-r", LOCK])
        say("[3/3] installing crmlib")
        self.run(pip + ["--no-build-isolation", "--no-index", "-e", "."])


def say(line):
    """Print a line of progress at once, before the slow command that it announces."""
    print(line)
    sys.stdout.flush()


def check_python(version):
    """Stop if this Python is too old."""
    if tuple(version[:2]) < OLDEST:
        stop(
            "Python {}.{} or newer is needed, this is {}.{}. "
            "Name another: make PYTHON=python3.12 ..., or python3.12 tasks.py ...".format(
                *(OLDEST + tuple(version[:2]))
            )
        )


def check_venv(load=__import__):
    """Stop if this Python cannot make virtual environments (Debian packs that apart)."""
    try:
        load("venv")
        load("ensurepip")
    except ImportError:
        stop(
            "this Python cannot make virtual environments. "
            "On Debian and Ubuntu: apt-get install python3-venv"
        )


VENV = Venv(ROOT)


def python(*command):
    """Run the environment's Python."""
    run([VENV.program("python")] + list(command))


def crm(*command):
    """Run the command ``crm``."""
    run([VENV.program("crm")] + list(command))


# --- The commands ---------------------------------------------------------------------------------


def setup(arguments=()):
    """Make or repair .venv from requirements.lock."""
    check_python(sys.version_info)
    VENV.prepare()


def dashboards(arguments):
    """Set up, build the sample shop if there are no tables yet, open the dashboards."""
    setup()
    recipe = os.path.join(SAMPLE, "crm.toml")
    if not os.path.exists(os.path.join(ROOT, recipe)):
        crm("sample", "--out", SAMPLE)
    if not os.path.exists(os.path.join(ROOT, TABLES, "CURRENT")):  # never over own tables
        crm("build", "--config", recipe)
    crm("serve", *arguments)


def test(arguments):
    """Set up, check style and types, run every test, notebook and dashboard."""
    lint(())
    types(())
    say("sample shop for the tests: {}".format(TEST_TABLES))
    crm("sample", "--out", TEST_SAMPLE)
    crm("build", "--config", os.path.join(TEST_SAMPLE, "crm.toml"), "--workspace", TEST_TABLES)
    run(
        [VENV.program("python"), "-m", "pytest"] + TESTED + ["--nbval-lax"] + list(arguments),
        {"CRM_WORKSPACE": os.path.join(ROOT, TEST_TABLES)},
    )


def lint(arguments):
    """Check style and format."""
    setup()
    python("-m", "ruff", "check", "--quiet", *arguments)
    python("-m", "ruff", "format", "--check", "--quiet", *arguments)


def types(arguments):
    """Check the types of crmlib."""
    setup()
    python("-m", "mypy", "--no-error-summary", "crmlib", *arguments)


def lock(arguments):
    """Write requirements.lock anew from pyproject.toml (ARGS=--upgrade for newer versions)."""
    setup()
    groups = ["--all-extras", "--group", "test", "--group", "dev", "--group", "bench"]
    how = ["--universal", "--python-version", "{}.{}".format(*OLDEST), "--generate-hashes"]
    how += ["--no-emit-index-url", "--no-header", "--quiet"]
    python("-m", "uv", "pip", "compile", *(how + groups + [PROJECT, "-o", LOCK] + list(arguments)))


def conclusions(arguments):
    """Write down anew what the sample shop's conclusions are."""
    setup()
    python("-m", "pytest", "tests/test_conclusions.py", "--remake-conclusions", *arguments)


def messages(arguments):
    """Compile the Turkish and English messages."""
    setup()
    python("tools/messages.py", *arguments)


def dictionary(arguments):
    """Write the data dictionary from the schemas."""
    setup()
    python("tools/dictionary.py", *arguments)


def bundle(arguments):
    """Fetch and check the vendored chart bundle."""
    setup()
    python("tools/bundle.py", *arguments)


def bench(arguments):
    """Measure the marts on each engine."""
    setup()
    python("bench/marts.py", *arguments)


def shots(arguments):
    """Take the pictures of the dashboards in docs."""
    setup()
    python("tools/shots.py", *arguments)


def studies(arguments):
    """Run the slow simulation studies."""
    setup()
    python("-m", "pytest", "tests", "-m", "slow", *arguments)


def clean(arguments):
    """Remove what tests and builds leave behind; never .venv, never data."""
    for name in LITTER:
        shutil.rmtree(os.path.join(ROOT, name), ignore_errors=True)
    for top in ["crmlib", "tests", "tools", "bench"]:
        for folder, below, _ in os.walk(os.path.join(ROOT, top)):
            if "__pycache__" in below:
                shutil.rmtree(os.path.join(folder, "__pycache__"), ignore_errors=True)


def help(arguments=()):
    """List the commands."""
    for command in COMMANDS:
        print("{:12} {}".format(command.__name__, command.__doc__))


COMMANDS = [
    dashboards,
    test,
    setup,
    lint,
    types,
    studies,
    bench,
    lock,
    messages,
    dictionary,
    conclusions,
    bundle,
    shots,
    clean,
    help,
]


def main(arguments):
    """Run the command named first; the rest goes to the program behind it."""
    commands = {command.__name__: command for command in COMMANDS}
    name = arguments[0] if arguments else "help"
    if name in ("-h", "--help"):
        name = "help"
    if name not in commands:
        stop("no command {!r}; there are: {}".format(name, ", ".join(sorted(commands))))
    commands[name](arguments[1:])


if __name__ == "__main__":
    main(sys.argv[1:])
