/*
 * gen-commands - prints docs/COMMANDS.md from the command table.
 *
 *     gen_commands > docs/COMMANDS.md
 *
 * The ctest docs.commands compares the two.
 */
#include "cmds/profile.h"
#include "cmds/table.h"

static const char *const order_names[] = {
    [ORDER_INLINE] = "inline", [ORDER_SHARED] = "shared", [ORDER_OPEN] = "open",
    [ORDER_FILE] = "file",     [ORDER_PID] = "pid",       [ORDER_BARRIER] = "barrier",
    [ORDER_URGENT] = "urgent",
};

static const struct {
    unsigned flag;
    const char *text;
} flag_texts[] = {
    { CMD_WHEN_FROZEN, "when frozen" },    { CMD_NO_SUCCESS, "no reply on success" },
    { CMD_DELIMITED, "0xFF in front" },    { CMD_SYNC, "resync" },
    { CMD_FREEZE_OP, "freezes or thaws" },
};

static const char head[] =
    "# Commands\n"
    "\n"
    "Generated from the command table (src/cmds/table.c) by `gen_commands`; do not edit.\n"
    "\n"
    "Arguments in brackets are optional. *since* is the version of the QEMU guest agent that\n"
    "brought the command. Flags: *when frozen*, the command runs while filesystems are frozen; "
    "*no\n"
    "reply on success*, only a failure is answered; *resync*, answers that are overdue when it\n"
    "arrives are dropped (docs/PROTOCOL.md). The ordering classes:\n"
    "\n"
    "- **inline**: never blocks, runs at once\n"
    "- **shared**: runs beside everything but a barrier\n"
    "- **open**: shared, in order among opens, if it only reads; else a barrier\n"
    "- **file**: in request order on the same file, in parallel across files\n"
    "- **pid**: in request order on the same started program, in parallel across programs\n"
    "- **barrier**: after all earlier requests of its session and before all later ones\n"
    "- **urgent**: waits for a freeze or thaw in progress and for nothing else\n"
    "\n"
    "The class is what `profile=` allows and refuses by; of several, one is enough (qemu-ga(8)).\n"
    "\n"
    "| command | arguments | class | flags | order | since | what it does |\n"
    "|---|---|---|---|---|---|---|\n";

static void print_names(const char *const *names)
{
    size_t i;

    for (i = 0; names[i] != NULL; i++)
        printf("%s`%s`", i == 0 ? "" : " or ", names[i]);
}

static void print_args(const struct arg_spec *specs);

static void print_type(const struct arg_spec *spec)
{
    switch (spec->type) {
    case ARG_BOOL:
        printf("boolean");
        break;
    case ARG_INT:
        printf("integer");
        break;
    case ARG_STR:
        printf("string");
        break;
    case ARG_STR_LIST:
        printf("list of strings");
        break;
    case ARG_ENUM:
        print_names(spec->names);
        break;
    case ARG_INT_ENUM:
        printf("integer or ");
        print_names(spec->names);
        break;
    case ARG_BOOL_ENUM:
        printf("boolean or ");
        print_names(spec->names);
        break;
    case ARG_STRUCT_LIST:
        printf("list of (");
        print_args(spec->sub);
        printf(")");
        break;
    }
}

static void print_args(const struct arg_spec *specs)
{
    const struct arg_spec *spec;

    for (spec = specs; spec != NULL && spec->name != NULL; spec++) {
        printf("%s%s`%s`: ", spec == specs ? "" : ", ", spec->required ? "" : "[", spec->name);
        print_type(spec);
        if (!spec->required)
            printf("]");
    }
}

static void print_flags(unsigned flags)
{
    const char *separator = "";
    size_t i;

    for (i = 0; i < ARRAY_LEN(flag_texts); i++) {
        if ((flags & flag_texts[i].flag) == 0)
            continue;
        printf("%s%s", separator, flag_texts[i].text);
        separator = ", ";
    }
}

static void print_classes(unsigned classes)
{
    CLEANUP(buf_done) struct buf text = { 0 };

    classes_print(classes, &text);
    printf("%s", buf_terminate(&text));
}

static void print_row(const struct command *command)
{
    printf("| %s | ", command->name);
    print_args(command->args);
    printf(" | ");
    print_classes(command->classes);
    printf(" | ");
    print_flags(command->flags);
    printf(" | %s | %s | %s |\n", order_names[command->order], command->since, command->summary);
}

int main(void)
{
    size_t i;

    fputs(head, stdout);
    for (i = 0; i < all_commands.count; i++)
        print_row(&all_commands.rows[i]);
    printf("\n%zu commands.\n", all_commands.count);
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
