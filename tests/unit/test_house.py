"""
Laws of the package and its tests: the size of files and folders, and imports between rooms.
"""

import ast
import inspect
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import ssetwist

HOUSE = Path(ssetwist.__file__).parent
TESTS = Path(__file__).parent.parent

MAX_FILES_AT_ROOT = 8
MAX_FILES_IN_ROOM = 20
MAX_LINES = 420
MAX_LINES_OF_TESTS = 600

#: Folders of unit tests that do not belong to a room of the package.
OTHER_UNIT_TESTS = frozenset(("design",))

#: Documented names of named tuples; their underscore only keeps them apart from fields.
OF_NAMED_TUPLES = frozenset(("_asdict", "_fields", "_make", "_replace"))

#: The only file of a room that may use undocumented names of Twisted and treq.
INSIDES = "_insides"

FOREIGN = ("twisted", "treq")


def module_of(path: Path) -> str:
    """
    Return the name of the module in a file.
    """
    parts = path.relative_to(HOUSE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


PATHS = {module_of(path): path for path in sorted(HOUSE.rglob("*.py"))}


def package_of(module: str) -> str:
    """
    Return the package of a module; an ``__init__`` is in its own package.
    """
    return module if PATHS[module].stem == "__init__" else module.rpartition(".")[0]


@cache
def tree_of(module: str) -> ast.Module:
    """
    Return the syntax tree of a module.
    """
    return ast.parse(PATHS[module].read_text())


def imports_of(module: str) -> Iterator[tuple[str, str]]:
    """
    Yield every import, including imports for types and imports inside functions: the imported
    module, and the name that is taken from it (``""`` for the module itself).
    """
    package = package_of(module).split(".")
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = node.module or ""
            if node.level:
                above = package[: len(package) - node.level + 1]
                source = ".".join([*above, *filter(None, [source])])
            yield from ((source, alias.name) for alias in node.names)


def files_imported_by(module: str) -> set[str]:
    """
    Return the modules of the package that a module imports.
    """
    found = set()
    for source, name in imports_of(module):
        below = f"{source}.{name}"
        found |= {one for one in (below if below in PATHS else source,) if one in PATHS}
    return found - {module}


def circle_in(imports: Mapping[str, set[str]]) -> list[str]:
    """
    Return a circle of imports, or ``[]``.
    """
    done: set[str] = set()

    def visit(one: str, way: list[str]) -> list[str]:
        if one in way:
            return [*way[way.index(one) :], one]
        if one in done:
            return []
        for other in sorted(imports[one]):
            if circle := visit(other, [*way, one]):
                return circle
        done.add(one)
        return []

    return next((circle for one in imports if (circle := visit(one, []))), [])


def is_private(name: str) -> bool:
    """
    Return true if a name begins with one underscore.
    """
    return name.startswith("_") and not name.startswith("__") and name not in OF_NAMED_TUPLES


class SizeTests(SynchronousTestCase):
    """
    The size of folders and files.
    """

    def test_root(self) -> None:
        """
        The root of the package has at most 8 files.
        """
        files = sorted(one.name for one in HOUSE.iterdir() if one.is_file())
        self.assertLessEqual(len(files), MAX_FILES_AT_ROOT, files)

    def test_folders(self) -> None:
        """
        A folder has at most 20 Python files.
        """
        folders = {path.parent for path in PATHS.values()}
        sizes = {str(one): len(list(one.glob("*.py"))) for one in folders}
        self.assertEqual({}, {one: n for one, n in sizes.items() if n > MAX_FILES_IN_ROOM})

    def test_files(self) -> None:
        """
        A file has at most 420 lines.
        """
        sizes = {one: len(path.read_text().splitlines()) for one, path in PATHS.items()}
        self.assertGreater(len(sizes), 100)  # they have been found
        self.assertEqual({}, {one: n for one, n in sizes.items() if n > MAX_LINES})


class MirrorTests(SynchronousTestCase):
    """
    The tests of the package.
    """

    def test_files(self) -> None:
        """
        A file of tests has at most 600 lines.
        """
        sizes = {path: len(path.read_text().splitlines()) for path in TESTS.rglob("*.py")}
        self.assertGreater(len(sizes), 150)  # they have been found
        long = {str(one): n for one, n in sizes.items() if n > MAX_LINES_OF_TESTS}
        self.assertEqual({}, long)

    def test_folders(self) -> None:
        """
        Each folder of unit tests mirrors a folder of the package, and each folder of the package
        with files of its own has unit tests.
        """
        unit = TESTS / "unit"
        tested = {path.parent.relative_to(unit) for path in unit.rglob("test_*.py")}
        rooms = {path.parent.relative_to(HOUSE) for path in PATHS.values()}
        self.assertEqual(OTHER_UNIT_TESTS, {str(one) for one in tested - rooms})
        full = {path.parent for path in PATHS.values() if path.stem != "__init__"}
        self.assertEqual(set(), {one.relative_to(HOUSE) for one in full} - tested)


class ImportTests(SynchronousTestCase):
    """
    Imports between rooms.
    """

    def test_no_circle(self) -> None:
        """
        Files do not import each other in a circle; imports for types only count.
        """
        self.assertEqual([], circle_in({one: files_imported_by(one) for one in PATHS}))

    def test_circle_is_found(self) -> None:
        """
        The search finds a circle of imports, and does not mistake a diamond for a circle.
        """
        self.assertEqual(["b", "c", "b"], circle_in({"a": {"b"}, "b": {"c"}, "c": {"b"}}))
        self.assertEqual([], circle_in({"a": {"b", "c"}, "b": {"d"}, "c": {"d"}, "d": set()}))

    def test_private_modules(self) -> None:
        """
        A module with an underscore is imported only from its own folder, unless it is at the root;
        a private name of a module is not imported at all.
        """
        wrong = []
        for module in PATHS:
            for source, name in imports_of(module):
                whole = f"{source}.{name}" if name else source
                if not whole.startswith("ssetwist"):
                    continue
                parts = whole.split(".")
                for index, part in enumerate(parts):
                    holder = ".".join(parts[:index])
                    if is_private(part) and holder not in (package_of(module), "ssetwist"):
                        wrong.append(f"{module} imports {whole}")
        self.assertEqual([], wrong)


class InsidesTests(SynchronousTestCase):
    """
    Insides of Twisted and treq are used only in the ``_insides.py`` of a room.
    """

    def modules(self) -> Iterator[str]:
        """
        Yield the modules that must not use any.
        """
        return (one for one in PATHS if not one.endswith(f".{INSIDES}"))

    def test_imports(self) -> None:
        """
        Private names and private modules of Twisted and treq are not imported.
        """
        wrong = [
            f"{module} imports {name} from {source}"
            for module in self.modules()
            for source, name in imports_of(module)
            if source.split(".")[0] in FOREIGN and any(map(is_private, [*source.split("."), name]))
        ]
        self.assertEqual([], wrong)

    def test_attributes(self) -> None:
        """
        A private attribute that a file uses, even with ``getattr``, is defined in the package.
        """
        defined = {name for module in self.modules() for name in private_names_of(module)}
        wrong = [
            f"{module}:{line} names {name}"
            for module in self.modules()
            for name, line in private_attributes_of(module)
            if name not in defined
        ]
        self.assertEqual([], wrong)

    def test_attributes_of_others(self) -> None:
        """
        A private attribute of anything but ``self`` is defined in the same file.
        """
        wrong = [
            f"{module}:{line} names {name}"
            for module in self.modules()
            for name, line in private_attributes_of(module, of_self=False)
            if name not in private_names_of(module)
        ]
        self.assertEqual([], wrong)

    def test_classes(self) -> None:
        """
        A subclass of a class of Twisted or treq does not share a private attribute with it.
        """
        wrong = []
        for module in self.modules():
            if module.endswith("__main__"):
                continue
            for one in vars(import_module(module)).values():
                if not inspect.isclass(one) or one.__module__ != module:
                    continue
                theirs = {
                    name
                    for base in one.__mro__
                    if base.__module__.split(".")[0] in FOREIGN
                    for name in private_names_of_class(base)
                }
                common = theirs & private_names_of_class(one)
                wrong += [f"{module}.{one.__name__} has {name}" for name in common]
        self.assertEqual([], wrong)

    def test_each_is_tested(self) -> None:
        """
        Each function and method in an ``_insides.py`` is used by the tests of that file.
        """
        found = [one for one in PATHS if one.endswith(f".{INSIDES}")]
        self.assertGreater(len(found), 3)
        for module in found:
            test = TESTS.joinpath("unit", *module.split(".")[1:-1], f"test{INSIDES}.py")
            text = test.read_text()
            for node in ast.walk(tree_of(module)):
                if isinstance(node, ast.FunctionDef) and node.name not in ("callback", "errback"):
                    self.assertRegex(text, rf"\b{node.name}\(", f"{module}.{node.name}")


@cache
def private_names_of(module: str) -> frozenset[str]:
    """
    Return the private names that a module defines: functions, classes, variables and attributes.
    """
    return frozenset(_private_definitions(tree_of(module)))


def private_names_of_class(one: type) -> set[str]:
    """
    Return the private names that a class defines, including those of its instances.
    """
    names = {name for name in vars(one) if is_private(name) and not name.startswith("_abc_")}
    found = _classes_in(inspect.getfile(one)).get(one.__qualname__)
    if found is not None:
        names |= set(_private_definitions(found)) - {one.__name__}
    mangled = f"_{one.__name__.lstrip('_')}__"  # what Python makes of two underscores
    return {name for name in names if not name.startswith(mangled)}


@cache
def _classes_in(path: str) -> dict[str, ast.ClassDef]:
    if not path.endswith(".py"):
        return {}
    tree = ast.parse(Path(path).read_text())
    return {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}


def _private_definitions(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names = [node.name]
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names = [node.id]
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            is_of_self = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            names = [node.attr] if is_of_self else []
        else:
            continue
        yield from filter(is_private, names)


def private_attributes_of(module: str, *, of_self: bool = True) -> Iterator[tuple[str, int]]:
    """
    Yield the private attributes that a module uses, with their lines.

    :param of_self: True to include attributes of ``self``.
    """
    for node in ast.walk(tree_of(module)):
        name = ""
        if isinstance(node, ast.Attribute):
            is_of_self = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            name = "" if is_of_self and not of_self else node.attr
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in ("getattr", "setattr", "hasattr", "delattr")
            and isinstance(node.args[1], ast.Constant)
        ):
            name = str(node.args[1].value)
        if is_private(name):
            yield name, node.lineno
