/* SPDX-License-Identifier: MIT */
/* convert.c - Python's values as packed ones, and back. */
#include "py/convert.h"

/*
 * What a message may hold has a form here, and nothing else has one: an object of a class is
 * not pickled, since its other side may be no Python. A dataclass goes as the map of its
 * fields. True is no 1: bool comes before int.
 */

/* NOLINTBEGIN(misc-no-recursion): bound: Python's own limit of recursion */

static int pack_int(PyObject *value, struct acre_packer *to)
{
	int overflow;
	long long integer = PyLong_AsLongLongAndOverflow(value, &overflow);
	unsigned long long natural;

	if (integer == -1 && PyErr_Occurred())
		return -1;
	if (!overflow) {
		plugin_host->acre_pack_int(to, integer);
		return 0;
	}
	natural = overflow > 0 ? PyLong_AsUnsignedLongLong(value) : 0;
	if (overflow < 0 || PyErr_Occurred()) {
		PyErr_SetString(PyExc_OverflowError,
				"an int that travels is from -2**63 to 2**64-1");
		return -1;
	}
	plugin_host->acre_pack_natural(to, natural);
	return 0;
}

static int pack_text(PyObject *value, struct acre_packer *to)
{
	Py_ssize_t len;
	const char *text = PyUnicode_AsUTF8AndSize(value, &len);

	if (!text)
		return -1;
	plugin_host->acre_pack_text_of(to, text, (size_t)len);
	return 0;
}

static int pack_buffer(PyObject *value, struct acre_packer *to)
{
	Py_buffer view;

	if (PyObject_GetBuffer(value, &view, PyBUF_SIMPLE) < 0)
		return -1;
	plugin_host->acre_pack_bytes(to, view.buf, (size_t)view.len);
	PyBuffer_Release(&view);
	return 0;
}

static int pack_any(PyObject *value, struct acre_packer *to);

/* Of a copy: what the items do while they are packed must not reach it. */
static int pack_list(PyObject *value, struct acre_packer *to)
{
	PyObject *items = PySequence_Tuple(value);
	int r = items ? 0 : -1;

	if (r < 0)
		return r;
	plugin_host->acre_pack_list(to, (size_t)PyTuple_GET_SIZE(items));
	for (Py_ssize_t i = 0; r >= 0 && i < PyTuple_GET_SIZE(items); i++)
		r = pack_any(PyTuple_GET_ITEM(items, i), to);
	Py_DECREF(items);
	return r;
}

static int pack_key(PyObject *key, struct acre_packer *to)
{
	if (PyUnicode_Check(key))
		return pack_text(key, to);
	PyErr_Format(PyExc_TypeError, "a dict that travels has keys of str, not %.100s",
		     Py_TYPE(key)->tp_name);
	return -1;
}

static int pack_map(PyObject *value, struct acre_packer *to)
{
	PyObject *copy = PyDict_Copy(value), *key, *item;
	Py_ssize_t at = 0;
	int r = copy ? 0 : -1;

	if (r < 0)
		return r;
	plugin_host->acre_pack_map(to, (size_t)PyDict_GET_SIZE(copy));
	while (r >= 0 && PyDict_Next(copy, &at, &key, &item)) {
		r = pack_key(key, to);
		if (r >= 0)
			r = pack_any(item, to);
	}
	Py_DECREF(copy);
	return r;
}

static int pack_none(PyObject *value, struct acre_packer *to)
{
	(void)value;
	plugin_host->acre_pack_nil(to);
	return 0;
}

static int pack_bool(PyObject *value, struct acre_packer *to)
{
	plugin_host->acre_pack_bool(to, value == Py_True);
	return 0;
}

static int pack_float(PyObject *value, struct acre_packer *to)
{
	plugin_host->acre_pack_float(to, PyFloat_AS_DOUBLE(value));
	return 0;
}

/* What stands for it: acre's own modules, where they are loaded, know that of a dataclass and
 * of a member of an Enum. */
static PyObject *plain_of(PyObject *value)
{
	PyObject *name = PyUnicode_FromString("acre._shape"), *module, *plain;

	module = name ? PyImport_GetModule(name) : NULL;
	Py_XDECREF(name);
	if (!module && !PyErr_Occurred())
		PyErr_Format(PyExc_TypeError, "a value of type %.100s does not travel",
			     Py_TYPE(value)->tp_name);
	if (!module)
		return NULL;
	plain = PyObject_CallMethod(module, "plain", "O", value);
	Py_DECREF(module);
	return plain;
}

static int pack_object(PyObject *value, struct acre_packer *to)
{
	PyObject *plain = plain_of(value);
	int r = plain ? pack_any(plain, to) : -1;

	Py_XDECREF(plain);
	return r;
}

typedef int pack_fn(PyObject *value, struct acre_packer *to);

static pack_fn *packer_of(PyObject *value)
{
	if (value == Py_None)
		return pack_none;
	if (PyBool_Check(value))
		return pack_bool;
	if (PyLong_Check(value))
		return pack_int;
	if (PyFloat_Check(value))
		return pack_float;
	if (PyUnicode_Check(value))
		return pack_text;
	if (PyObject_CheckBuffer(value))
		return pack_buffer;
	if (PyList_Check(value) || PyTuple_Check(value))
		return pack_list;
	return PyDict_Check(value) ? pack_map : pack_object;
}

static int pack_any(PyObject *value, struct acre_packer *to)
{
	int r;

	if (Py_EnterRecursiveCall(" while a value is packed"))
		return -1;
	r = packer_of(value)(value, to);
	Py_LeaveRecursiveCall();
	return r;
}

/*
 * And back. Depth and counts are within the limits of the wire.
 */

static PyObject *unpack_any(struct acre_value *from);

static PyObject *unpack_list(struct acre_value *from, size_t n)
{
	PyObject *list = PyList_New((Py_ssize_t)n), *item = list;

	for (size_t i = 0; item && i < n; i++) {
		item = unpack_any(from);
		if (item)
			PyList_SET_ITEM(list, (Py_ssize_t)i, item);
	}
	if (!item)
		Py_CLEAR(list);
	return list;
}

static int unpack_pair(struct acre_value *from, PyObject *into)
{
	PyObject *key = unpack_any(from), *item = key ? unpack_any(from) : NULL;
	int r = item ? PyDict_SetItem(into, key, item) : -1;

	Py_XDECREF(key);
	Py_XDECREF(item);
	return r;
}

static PyObject *unpack_map(struct acre_value *from, size_t n)
{
	PyObject *map = PyDict_New();

	for (size_t i = 0; map && i < n; i++)
		if (unpack_pair(from, map) < 0)
			Py_CLEAR(map);
	return map;
}

static PyObject *unpack_part(const struct acre_part *part, struct acre_value *from)
{
	switch (part->type) {
	case ACRE_PART_NIL:
		Py_RETURN_NONE;
	case ACRE_PART_BOOL:
		return PyBool_FromLong(part->boolean);
	case ACRE_PART_INT:
		return PyLong_FromLongLong(part->integer);
	case ACRE_PART_NATURAL:
		return PyLong_FromUnsignedLongLong(part->natural);
	case ACRE_PART_FLOAT:
		return PyFloat_FromDouble(part->real);
	case ACRE_PART_TEXT:
		return PyUnicode_DecodeUTF8(part->bytes.data, (Py_ssize_t)part->bytes.len, NULL);
	case ACRE_PART_BYTES:
		return PyBytes_FromStringAndSize(part->bytes.data,
						 (Py_ssize_t)part->bytes.len);
	case ACRE_PART_LIST:
		return unpack_list(from, part->count);
	case ACRE_PART_MAP:
		return unpack_map(from, part->count);
	case ACRE_PART_EXT:
		break;
	}
	PyErr_Format(PyExc_TypeError, "a value of type %s has no form in Python",
		     plugin_host->acre_part_name(part->type));
	return NULL;
}

static PyObject *unpack_any(struct acre_value *from)
{
	struct acre_part part;

	if (plugin_host->acre_value_next(from, &part) > 0)
		return unpack_part(&part, from);
	PyErr_SetString(PyExc_ValueError, "what came is no packed value");
	return NULL;
}

/* NOLINTEND(misc-no-recursion) */

/* What has no bytes travels as nil. */
PyObject *convert_unpack(struct acre_value from)
{
	if (!from.len)
		Py_RETURN_NONE;
	return unpack_any(&from);
}

int convert_pack(PyObject *value, struct acre_packer *to)
{
	return pack_any(value, to);
}
