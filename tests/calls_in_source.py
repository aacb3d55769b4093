"""Every AWS call that stands in the product's source: service, operation and kind of work, read with `ast`.

Operations and roles are literals, or travel through parameters; a parameter is followed to whoever calls. What cannot
be followed is an error, and not a call less.
"""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
CLIENTS = "dr.aws.clients"
VERBS = ("look", "change", "pages")
ROLES = ("observe", "scratch", "recover", "heartbeat")
Key = tuple[str, str]
"""Module, and the name of a function at its top level."""


@dataclass(frozen=True)
class Site:
    """One call of one of our functions, and what surrounds it."""

    module: str
    scopes: tuple[ast.FunctionDef, ...]
    call: ast.Call


@dataclass(frozen=True)
class Found:
    row: tuple[str, str, str]
    where: str
    reached: bool
    """Whether anything outside of `dr.aws` leads to it."""
    changes: bool


class Source:
    """The product without its lab, parsed."""

    def __init__(self, trees: Mapping[str, ast.Module]) -> None:
        self.trees = trees
        self.names = {module: dict(_imports(tree)) for module, tree in self.trees.items()}
        self.functions = {
            (module, node.name): node
            for module, tree in self.trees.items()
            for node in tree.body
            if isinstance(node, ast.FunctionDef)
        }
        self.sites: dict[Key, list[Site]] = {}
        self.verbs: list[Site] = []
        for module, tree in self.trees.items():
            for scopes, node in _walk(tree, ()):
                if not isinstance(node, ast.Call):
                    continue
                if _is_verb(node.func, module):
                    self.verbs.append(Site(module, scopes, node))
                elif key := self._called(module, node.func):
                    self.sites.setdefault(key, []).append(Site(module, scopes, node))
        self.reached = self._reached()

    def found(self) -> Iterator[Found]:
        for site in self.verbs:
            if site.module == CLIENTS and not isinstance(site.call.args[0], ast.Constant):
                continue  # the three verbs, one calling another
            reached = self._is_reached(site)
            (services, operations) = (self._values(site.call.args[at], site) for at in (0, 2))
            given = next((one.value for one in site.call.keywords if one.arg == "role"), ast.Constant("observe"))
            roles = set(ROLES) if site.module == CLIENTS else self._values(given, site)
            for service in services:
                for operation in operations:
                    for role in roles:
                        where = f"{site.module}:{site.call.lineno}"
                        live = reached and (site.module == CLIENTS or role in self._values(given, site, live=True))
                        live = live and (
                            site.module == CLIENTS or operation in self._values(site.call.args[2], site, live=True)
                        )
                        changes = isinstance(site.call.func, ast.Attribute) and site.call.func.attr == "change"
                        yield Found((service, operation, role), where, live, changes)

    def _called(self, module: str, func: ast.expr) -> Key | None:
        match func:
            case ast.Name(id=name):
                key = self._follow(module, name)
            case ast.Attribute(value=ast.Name(id=room), attr=name) if room in self.names[module]:
                key = self._follow(self.names[module][room], name)
            case _:
                return None
        return key

    def _follow(self, module: str, name: str) -> Key | None:
        """Where a function that a module knows by this name is defined."""
        if (module, name) in self.functions:
            return module, name
        full = self.names.get(module, {}).get(name)
        home, _, last = full.rpartition(".") if full else ("", "", "")
        return self._follow(home, last) if home in self.trees else None

    def _reached(self) -> set[Key]:
        """Functions of `dr.aws` that something outside of it calls, directly or not."""
        found: set[Key] = set()
        grown = True
        while grown:
            grown = False
            for key, sites in self.sites.items():
                if key not in found and any(self._is_reached(site, found) for site in sites):
                    found.add(key)
                    grown = True
        return found

    def _is_reached(self, site: Site, known: set[Key] | None = None) -> bool:
        if not site.module.startswith("dr.aws.") or site.module == CLIENTS:
            return True
        known = self.reached if known is None else known
        return bool(site.scopes) and (site.module, site.scopes[0].name) in known

    def _values(self, given: ast.expr, site: Site, *, live: bool = False) -> set[str]:
        """Every value that an expression can have; of a parameter, whatever is passed for it anywhere."""
        if isinstance(given, ast.Constant):
            return {str(given.value)}
        assert isinstance(given, ast.Name), f"{site.module}:{given.lineno}: say it in a literal or by a name"
        for scope in reversed(site.scopes):
            for node in ast.walk(scope):
                if isinstance(node, ast.Assign) and (value := _assigned(node, given.id)):
                    return self._values(value, site, live=live)
            parameters = [*scope.args.posonlyargs, *scope.args.args]
            if given.id in [one.arg for one in (*parameters, *scope.args.kwonlyargs)]:
                assert scope is site.scopes[0], f"{site.module}:{given.lineno}: {given.id} of a function in a function"
                return self._passed(site.module, scope, given.id, live=live)
        for node in self.trees[site.module].body:
            if isinstance(node, ast.Assign) and (value := _assigned(node, given.id)):
                return self._values(value, site, live=live)
        raise AssertionError(f"{site.module}:{given.lineno}: nobody can tell what {given.id} is")

    def _passed(self, module: str, function: ast.FunctionDef, name: str, *, live: bool) -> set[str]:
        place, default = _parameter(function, name)
        found: set[str] = set()
        sites = self.sites.get((module, function.name), [])
        for site in sites:
            if live and not self._is_reached(site):
                continue
            given = next((one.value for one in site.call.keywords if one.arg == name), None)
            if given is None and place is not None and place < len(site.call.args):
                given = site.call.args[place]
            if given is None:
                given = default
            assert given is not None, f"{site.module}:{site.call.lineno}: {function.name} without {name}"
            found |= self._values(given, site, live=live)
        if not sites and default is not None:
            found |= self._values(default, Site(module, (function,), ast.Call(function, [], [])), live=live)
        return found


@cache
def product() -> Mapping[str, ast.Module]:
    """The source of the product, but for its lab: module -> tree."""
    found = {}
    for path in sorted((ROOT / "dr").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[1] != "lab":
            module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            found[module] = ast.parse(path.read_text(encoding="utf-8"), module)
    return found


def _imports(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def _walk(node: ast.AST, scopes: tuple[ast.FunctionDef, ...]) -> Iterator[tuple[tuple[ast.FunctionDef, ...], ast.AST]]:
    for child in ast.iter_child_nodes(node):
        yield scopes, child
        yield from _walk(child, (*scopes, child) if isinstance(child, ast.FunctionDef) else scopes)


def _is_verb(func: ast.expr, module: str) -> bool:
    """Whether it is a verb of `Aws`: of what is called so everywhere, or of itself inside of its class."""
    if not isinstance(func, ast.Attribute) or func.attr not in VERBS:
        return False
    name = func.value.attr if isinstance(func.value, ast.Attribute) else getattr(func.value, "id", "")
    return name.strip("_") == "aws" or (name == "self" and module == CLIENTS)


def _assigned(node: ast.Assign, name: str) -> ast.expr | None:
    for target in node.targets:
        if isinstance(target, ast.Name) and target.id == name:
            return node.value
        if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            for one, value in zip(target.elts, node.value.elts, strict=True):
                if isinstance(one, ast.Name) and one.id == name:
                    return value
    return None


def _parameter(function: ast.FunctionDef, name: str) -> tuple[int | None, ast.expr | None]:
    """Where a parameter stands among those passed by position, and its default."""
    args = function.args
    places = [one.arg for one in (*args.posonlyargs, *args.args)]
    if name in places:
        at = places.index(name) - (len(places) - len(args.defaults))
        return places.index(name), args.defaults[at] if at >= 0 else None
    at = [one.arg for one in args.kwonlyargs].index(name)
    return None, args.kw_defaults[at]
