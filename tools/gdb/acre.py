# SPDX-License-Identifier: MIT
# acre.py - gdb commands for tasks: `acre tasks` lists them, `acre bt TASK` tells a stack.
#
# ./dev gdb loads it; elsewhere: (gdb) source tools/gdb/acre.py
#
# A parked task is a few registers in its struct fiber. To have gdb walk its stack, those are put
# into the selected thread's registers and taken back afterwards: the process must be alive and
# stopped. Of a core file, or where that fails, frames are followed by frame pointers.
import gdb

FRAMES_MAX = 64


def struct_pointer(address, name):
    return gdb.Value(int(address)).cast(gdb.lookup_type("struct " + name).pointer())


def entries(head, struct, field):
    """The structs of an intrusive list (base/list.h), whose head is given."""
    offset = next(f.bitpos // 8 for f in gdb.lookup_type("struct " + struct).fields() if f.name == field)
    node = head["next"]
    while node and int(node) != int(head.address):
        yield struct_pointer(int(node) - offset, struct)
        node = node["next"]


def loops():
    root = gdb.parse_and_eval("acre_debug_root")
    return list(entries(root["loops"], "loop", "debug"))


def tasks():
    for loop in loops():
        for task in entries(loop["tasks"], "task", "all"):
            yield loop, task


def word_of_wait(task):
    try:
        return gdb.parse_and_eval("wait_words")[int(task["what"])]["now"].string()
    except gdb.error:  # a table that the compiler has made something else of
        return "waits, " + str(task["what"])


def state_of(loop, task):
    state = str(task["state"])
    if int(loop["current"]) == int(task):
        return "runs"
    if state == "TASK_PARKED":
        return word_of_wait(task) + (" %#x" % int(task["object"]) if task["object"] else "")
    return state.replace("TASK_", "is ").lower()


def line_of(loop, task):
    cancelled = ", cancelled" if task["scope"]["covered"] else ""
    return "task %d %s: %s%s" % (int(task["id"]), task["name"].string(), state_of(loop, task), cancelled)


def name_of(pc):
    line = gdb.find_pc_line(pc)
    block = gdb.block_for_pc(pc)
    while block and not block.function:
        block = block.superblock
    name = block.function.name if block else "%#x" % pc
    return "%s %s:%d" % (name, line.symtab.filename, line.line) if line.symtab else name


def frames_by_pointers(fiber):
    word = gdb.lookup_type("unsigned long").pointer()
    low = int(fiber["low"])
    high = low + int(fiber["size"])
    fp, pc = int(fiber["regs"]["fp"]), int(fiber["regs"]["pc"])
    at = pc
    for _ in range(FRAMES_MAX):
        yield at, pc
        if not low <= fp < high - 16 or fp % 8:
            return
        frame = gdb.Value(fp).cast(word)
        above, pc = int(frame[0]), int(frame[1])
        if pc == 0:
            return
        at = pc - 1
        if above and above <= fp:
            return
        fp = above


class Registers:
    """The selected thread stands where the fiber does, until the end of the block."""

    NAMES = {"i386:x86-64": ("rip", "rsp", "rbp"), "aarch64": ("pc", "sp", "x29")}

    def __init__(self, fiber):
        self.regs = fiber["regs"]

    def __enter__(self):
        gdb.newest_frame().select()
        self.names = self.NAMES[gdb.selected_frame().architecture().name()]
        self.before = [int(gdb.parse_and_eval("(unsigned long) $" + n)) for n in self.names]
        self.set([int(self.regs[f]) for f in ("pc", "sp", "fp")])

    def __exit__(self, *exception):
        self.set(self.before)

    def set(self, values):
        # the program counter last: gdb forgets its frames with each of them
        for name, value in reversed(list(zip(self.names, values))):
            gdb.execute("set $%s = %d" % (name, value), to_string=True)


class Acre(gdb.Command):
    """Commands of acre: tasks, bt TASK."""

    def __init__(self):
        super().__init__("acre", gdb.COMMAND_STACK, prefix=True)


class AcreTasks(gdb.Command):
    """acre tasks: each task of each loop, with what it waits for."""

    def __init__(self):
        super().__init__("acre tasks", gdb.COMMAND_STACK)

    def invoke(self, arguments, from_tty):
        for loop in loops():
            print("loop of thread %d" % int(loop["tid"]))
            try:
                for task in entries(loop["tasks"], "task", "all"):
                    print("  " + line_of(loop, task))
            except gdb.MemoryError as error:
                # gdb's own core files lack memory with guards in it; the kernel's have it
                raise gdb.GdbError("  tasks cannot be read: %s" % error)


class AcreBt(gdb.Command):
    """acre bt TASK: the stack of a task, by its number or name."""

    def __init__(self):
        super().__init__("acre bt", gdb.COMMAND_STACK)

    def invoke(self, arguments, from_tty):
        wanted = arguments.strip()
        found = [(l, t) for l, t in tasks() if wanted in (str(int(t["id"])), t["name"].string())]
        if not found:
            raise gdb.GdbError("there is no task %s: see acre tasks" % wanted)
        for loop, task in found:
            print(line_of(loop, task))
            self.tell(loop, task)

    def tell(self, loop, task):
        if int(loop["current"]) == int(task):
            print("  it runs: see bt in thread %d" % int(loop["tid"]))
            return
        try:
            with Registers(task["fiber"]):
                gdb.execute("bt %d" % FRAMES_MAX)
        except (gdb.error, KeyError):
            for i, (at, _) in enumerate(frames_by_pointers(task["fiber"])):
                print("#%-2d %s" % (i, name_of(at)))


Acre()
AcreTasks()
AcreBt()
