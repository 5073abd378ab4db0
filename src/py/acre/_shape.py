# SPDX-License-Identifier: MIT
# _shape.py - values have the types that annotations say, or it is told where they do not.
"""A shape is made of an annotation, once: a function that takes a value which came and gives
what is built of it, a dataclass of a map. It is a misfit where the value has another type, in
the words of acre's messages in C: what was expected, what came, and at which field.

What is to leave goes through the same shape, and is sent as it is: a dataclass fits its own
annotation, and so does a dict that has its fields.
"""

import collections.abc
import dataclasses
import enum
import inspect
import types
import typing

from acre import _error

try:
    import annotationlib  # of 3.14
except ImportError:
    annotationlib = None

_SHOWN = 64  # characters of a text that came

_shapes = {}  # annotation -> shape
_functions = {}  # function -> Function


class Misfit(Exception):
    """Gathers where it is on its way out: innermost first."""

    def __init__(self, why):
        super().__init__(why)
        self.why = why
        self.path = ""

    def at(self, step):
        self.path = step + self.path
        return self


def _came(value):
    if value is None:
        return "nil"
    if isinstance(value, bool):
        return f"bool {'true' if value else 'false'}"
    if isinstance(value, int):
        return f"{'uint' if value >= 0 else 'int'} {int(value)}"
    if isinstance(value, float):
        return f"float {value:g}"
    if isinstance(value, str):
        return f'str "{value[:_SHOWN]}"'
    if isinstance(value, (bytes, bytearray, memoryview)):
        return "bin"
    if isinstance(value, (list, tuple)):
        return "array"
    return "map" if isinstance(value, dict) else type(value).__name__


def _unfit(expected, value):
    return Misfit(f"expected {expected}, got {_came(value)}")


#
# Scalars.
#


def _any(value):
    return value


def _none(value):
    if value is not None:
        raise _unfit("nil", value)


def _bool(value):
    if value is True or value is False:
        return value
    raise _unfit("bool", value)


def _int(value):
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise _unfit("int", value)


def _float(value):
    """Other languages write 1.0 as 1."""
    if isinstance(value, float):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    raise _unfit("float", value)


def _str(value):
    if isinstance(value, str):
        return value
    raise _unfit("str", value)


def _bytes(value):
    if isinstance(value, (bytes, bytearray, memoryview)):
        return value
    raise _unfit("bin", value)


_SCALARS = {
    typing.Any: _any,
    object: _any,
    inspect.Parameter.empty: _any,
    None: _none,
    type(None): _none,
    bool: _bool,
    int: _int,
    float: _float,
    str: _str,
    bytes: _bytes,
}


def _enum(cls):
    def read(value):
        if isinstance(value, cls):
            return value
        try:
            member = cls(value)
        except ValueError:
            member = None
        if member is None or type(member.value) is not type(value):
            raise _unfit(f"a value of {cls.__name__}", value)
        return member

    return read


def _literal(values):
    expected = " or ".join(repr(value) for value in values)

    def read(value):
        for one in values:
            plain = one.value if isinstance(one, enum.Enum) else one
            if value is one or (type(value) is type(plain) and value == plain):
                return one
        raise _unfit(expected, value)

    return read


#
# What holds others.
#


def _read_items(reads, items):
    got = []
    for read, item in zip(reads, items):
        try:
            got.append(read(item))
        except Misfit as e:
            raise e.at(f"[{len(got)}]") from None
    return got


def _list(of):
    def read(value):
        if not isinstance(value, (list, tuple)):
            raise _unfit("array", value)
        return _read_items([of] * len(value), value)

    return read


def _tuple(args):
    if len(args) == 2 and args[1] is Ellipsis:
        many = _list(shape_of(args[0]))
        return lambda value: tuple(many(value))
    reads = [shape_of(arg) for arg in args if arg != ()]  # tuple[()] was told so before 3.11

    def read(value):
        if not isinstance(value, (list, tuple)):
            raise _unfit("array", value)
        if len(value) != len(reads):
            raise Misfit(f"expected an array of {len(reads)}, got one of {len(value)}")
        return tuple(_read_items(reads, value))

    return read


def _dict(of):
    def read(value):
        if not isinstance(value, dict):
            raise _unfit("map", value)
        got = {}
        for key, item in value.items():
            if not isinstance(key, str):
                raise _unfit("str", key)
            try:
                got[key] = of(item)
            except Misfit as e:
                raise e.at(f'["{key[:_SHOWN]}"]') from None
        return got

    return read


def _union(annotations):
    reads = [(name_of(one), shape_of(one)) for one in annotations]
    reads.sort(key=lambda pair: pair[1] is _float)  # which takes an int, too
    expected = " or ".join(name for name, _ in reads)

    def read(value):
        # A record that has a field for each key, before one that has not.
        for _, one in reads if isinstance(value, dict) else ():
            try:
                if isinstance(one, Record):
                    return one(value, is_strict=True)
            except Misfit:
                pass
        for _, one in reads:
            try:
                return one(value)
            except Misfit:
                pass
        raise _unfit(expected, value)

    return read


def _optional(of):
    def read(value):
        return None if value is None else of(value)

    read.takes_none = True
    return read


#
# Records.
#


@dataclasses.dataclass
class _Field:
    name: str
    read: collections.abc.Callable
    may_lack: bool

    def lacks(self, given):
        """It did not come: so be it, if it is optional."""
        if getattr(self.read, "takes_none", False) and not self.may_lack:
            given[self.name] = None
        elif not self.may_lack:
            raise Misfit(f"no field {self.name}")


def _is_record(annotation):
    return isinstance(annotation, type) and (
        dataclasses.is_dataclass(annotation) or typing.is_typeddict(annotation)
    )


def _read_fields(fields, value, is_strict):
    given = {}
    for field in fields:
        if field.name not in value:
            field.lacks(given)
            continue
        try:
            given[field.name] = field.read(value[field.name])
        except Misfit as e:
            raise e.at(f".{field.name}") from None
    if is_strict:
        known = {field.name for field in fields}
        for key in value:
            if key not in known:
                raise Misfit(f"unexpected field {str(key)[:_SHOWN]}")
    return given


class Record:
    """A dataclass or TypedDict: a map of its fields. Keys that it has no field for are left
    out, so that fields can be added. Its fields may be of the same record again."""

    def __init__(self, cls):
        self._cls = cls
        self._fields = None

    def _fields_now(self):
        if self._fields is None:
            try:
                hints = typing.get_type_hints(self._cls, include_extras=True)
            except Exception as e:
                raise Misfit(f"an annotation of {self._cls.__name__} has no meaning: {e}") from None
            self._fields = self._made(hints)
        return self._fields

    def _made(self, hints):
        if typing.is_typeddict(self._cls):
            needed = self._cls.__required_keys__
            return [_field_of_dict(name, one, name in needed) for name, one in hints.items()]
        none = dataclasses.MISSING
        return [
            _Field(
                field.name,
                shape_of(hints[field.name]),
                field.default is not none or field.default_factory is not none,
            )
            for field in dataclasses.fields(self._cls)
            if field.init
        ]

    def __call__(self, value, is_strict=False):
        fields = self._fields_now()
        if dataclasses.is_dataclass(self._cls) and isinstance(value, self._cls):
            _read_fields(fields, fields_of(value), False)
            return value
        if not isinstance(value, dict):
            raise _unfit("map", value)
        given = _read_fields(fields, value, is_strict)
        if typing.is_typeddict(self._cls):
            return given
        try:
            return self._cls(**given)
        except Exception as e:
            raise Misfit(f"cannot be decoded: {e}") from None


def _field_of_dict(name, annotation, is_needed):
    kind = typing.get_origin(annotation)  # of strings the class itself does not know it
    if kind is typing.NotRequired or kind is typing.Required:
        is_needed = kind is typing.Required
        annotation = typing.get_args(annotation)[0]
    return _Field(name, shape_of(annotation), not is_needed)


#
# Of annotations.
#


def name_of(annotation):
    if annotation is None or annotation is type(None):
        return "nil"
    args = [one for one in typing.get_args(annotation) if one is not type(None)]
    if _is_union(annotation) and len(args) == 1:
        return name_of(args[0])
    return getattr(annotation, "__name__", None) or str(annotation).replace("typing.", "")


def _is_union(annotation):
    return typing.get_origin(annotation) in (typing.Union, types.UnionType)


def _no_type(annotation):
    def read(value):
        raise Misfit(f"expected a type that can travel, not {name_of(annotation)}")

    return read


def _make_union(args):
    others = [one for one in args if one is not type(None)]
    read = shape_of(others[0]) if len(others) == 1 else _union(others)
    return _optional(read) if len(others) < len(args) else read


def _make_generic(origin, args):
    if origin is tuple:
        return _tuple(args)
    if origin in (list, collections.abc.Sequence, collections.abc.Iterable):
        return _list(shape_of(args[0]))
    if origin in (dict, collections.abc.Mapping) and args[0] in (str, typing.Any):
        return _dict(shape_of(args[1]))
    if origin is typing.Literal:
        return _literal(args)
    if origin in (typing.Annotated, typing.Required, typing.NotRequired, typing.Final):
        return shape_of(args[0])
    return Record(origin) if _is_record(origin) else None


def _make(annotation):
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if _is_union(annotation):
        return _make_union(args)
    if _is_record(annotation):
        return Record(annotation)
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return _enum(annotation)
    if origin is not None and args:
        return _make_generic(origin, args)
    if isinstance(annotation, typing.TypeVar):
        return shape_of(annotation.__bound__) if annotation.__bound__ else _any
    if hasattr(annotation, "__supertype__"):  # of typing.NewType
        return shape_of(annotation.__supertype__)
    bare = origin or annotation
    if bare is tuple:
        return _tuple((typing.Any, ...))
    return {list: _list(_any), dict: _dict(_any)}.get(bare)


def shape_of(annotation):
    try:
        known = _SCALARS.get(annotation) or _shapes.get(annotation)
    except TypeError:  # Annotated with what cannot be a key
        return _make(annotation) or _no_type(annotation)
    if known is None:
        known = _shapes[annotation] = _make(annotation) or _no_type(annotation)
    return known


def _raise(where, name, misfit):
    raise _error.misfit(
        f"invalid `{where}` msg payload: a value does not match type-spec "
        f"{name}{misfit.path}: {misfit.why}"
    ) from None


def read(annotation, value, where):
    """What is built of a value that came, or acre.Error of class ACRE_ETYPE."""
    if annotation is typing.Any:
        return value
    try:
        return shape_of(annotation)(value)
    except Misfit as e:
        _raise(where, name_of(annotation), e)


#
# Of functions.
#


def _notes(function):
    """Its annotations as they were written: some may name what is not there."""
    if annotationlib is None:
        return getattr(function, "__annotations__", None) or {}
    return annotationlib.get_annotations(function, format=annotationlib.Format.FORWARDREF)


def _parameters(function):
    how = {} if annotationlib is None else {"annotation_format": annotationlib.Format.FORWARDREF}
    return list(inspect.signature(function, **how).parameters.values())


class Function:
    """What a function takes and gives."""

    def __init__(self, function, parameters, notes):
        self._globals = function.__globals__
        self._parameters = parameters
        self._notes = types.SimpleNamespace(__annotations__=notes)
        self._fields = None

    def _look(self):
        """At its first call, when all that annotations name is there."""
        kinds = inspect.Parameter
        try:
            hints = typing.get_type_hints(self._notes, globalns=self._globals)
        except Exception as e:
            raise Misfit(f"an annotation has no meaning: {e}") from None
        by_name = (kinds.POSITIONAL_OR_KEYWORD, kinds.KEYWORD_ONLY)
        named = [one for one in self._parameters if one.kind in by_name]
        rest = [one for one in self._parameters if one.kind == kinds.VAR_KEYWORD]
        self._rest = shape_of(hints.get(rest[0].name, typing.Any)) if rest else None
        self.returns = hints.get("return", typing.Any)
        is_one = len(named) == 1 and not rest
        only = hints.get(named[0].name) if is_one else None
        self._whole = only if _is_record(only) else None
        self._fields = [
            _Field(
                one.name,
                shape_of(hints.get(one.name, typing.Any)),
                one.default is not kinds.empty,
            )
            for one in named
        ]

    def _read(self, arguments):
        given = _read_fields(self._fields, arguments, self._rest is None)
        known = {field.name for field in self._fields}
        for name in arguments if self._rest is not None else ():
            if name not in known:
                try:
                    given[name] = self._rest(arguments[name])
                except Misfit as e:
                    raise e.at(f".{name}") from None
        return given

    def read(self, arguments):
        """Keywords for the function. One record alone may be the whole of what came."""
        name = "args"
        try:
            if self._fields is None:
                self._look()
            only = self._fields[0].name if self._whole else None
            is_default = not arguments and self._fields and self._fields[0].may_lack
            if only is None or only in arguments or is_default:
                return self._read(arguments)
            name = name_of(self._whole)
            return {only: shape_of(self._whole)(arguments, is_strict=True)}
        except Misfit as e:
            _raise("argument", name, e)

    def check(self, value):
        """Of the result, which is to leave."""
        read(self.returns, value, "Return")


class _Unchecked:
    """Of a function without annotations."""

    def read(self, arguments):
        return arguments

    def check(self, value):
        pass


_unchecked = _Unchecked()


def _make_function(function, has_context):
    function = inspect.unwrap(function)
    if not inspect.isfunction(function):
        return _unchecked
    parameters = _parameters(function)[has_context:]  # acre itself gives that one
    names = {one.name for one in parameters} | {"return"}
    notes = {name: note for name, note in _notes(function).items() if name in names}
    return Function(function, parameters, notes) if notes else _unchecked


def of_function(function, has_context):
    if function not in _functions:
        _functions[function] = _make_function(function, has_context)
    return _functions[function]


#
# What leaves.
#


def fields_of(value):
    """The fields of a dataclass, not copied."""
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}


def plain(value):
    """Called where a value is packed: what stands for one that has no form itself."""
    if hasattr(type(value), "__dataclass_fields__"):
        return fields_of(value)
    if isinstance(value, enum.Enum):
        return value.value
    raise TypeError(f"a value of type {type(value).__name__} does not travel")
