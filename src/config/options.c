/*
 * config/options.c - one table of options; a row names the setting that it changes.
 */
#include "config/options.h"

#include "base/log.h"
#include "base/version.h"
#include "config/setting.h"

#include <getopt.h>

/* Old spelling of --block-rpcs, which has no letter. */
#define OPT_BLACKLIST 256
#define OPT_THAW      257
#define OPT_PROFILE   258
#define OPT_EXPLAIN   259

static const char short_options[] = "m:p:l:f:F::t:vVdb:a:c:Drh";
static const struct option long_options[] = {
    { "method", required_argument, NULL, 'm' },
    { "path", required_argument, NULL, 'p' },
    { "logfile", required_argument, NULL, 'l' },
    { "pidfile", required_argument, NULL, 'f' },
    { "fsfreeze-hook", optional_argument, NULL, 'F' },
    { "statedir", required_argument, NULL, 't' },
    { "verbose", no_argument, NULL, 'v' },
    { "version", no_argument, NULL, 'V' },
    { "daemonize", no_argument, NULL, 'd' },
    { "block-rpcs", required_argument, NULL, 'b' },
    { "blacklist", required_argument, NULL, OPT_BLACKLIST },
    { "allow-rpcs", required_argument, NULL, 'a' },
    { "config", required_argument, NULL, 'c' },
    { "dump-conf", no_argument, NULL, 'D' },
    { "retry-path", no_argument, NULL, 'r' },
    { "thaw", no_argument, NULL, OPT_THAW },
    { "profile", required_argument, NULL, OPT_PROFILE },
    { "explain", required_argument, NULL, OPT_EXPLAIN },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 },
};

/* Options with an argument that is the value of a setting. */
static const struct {
    int option;
    const char *key;
} option_settings[] = {
    { 'm', "method" },        { 'p', "path" },
    { 'l', "logfile" },       { 'f', "pidfile" },
    { 'F', "fsfreeze-hook" }, { 't', "statedir" },
    { 'b', "block-rpcs" },    { OPT_BLACKLIST, "block-rpcs" },
    { 'a', "allow-rpcs" },    { OPT_PROFILE, "profile" },
};

static void print_own_keys(void)
{
    size_t i;

    puts("Keys of the configuration file that are not in qemu-ga (see qemu-ga(8)):\n");
    for (i = 0; i < setting_count; i++) {
        CLEANUP(buf_done) struct buf text = { 0 };

        if (settings[i].unit == NULL)
            continue;
        setting_describe(&settings[i], &text);
        printf("  %-22s  %s\n%26s(%s)\n", settings[i].key, settings[i].summary, "",
               buf_terminate(&text));
    }
}

static void print_help(const char *prog, const struct config_parts *parts)
{
    printf("Usage: %s [-m <method> -p <path>] [<options>]\n"
           "QEMU Guest Agent %s (pqga %s)\n"
           "\n"
           "  -m, --method      how to reach the host: virtio-serial (the default),\n"
           "                    isa-serial, unix-listen or vsock-listen\n"
           "  -p, --path        device or socket (the default for virtio-serial is\n"
           "                    %s,\n"
           "                    for isa-serial %s);\n"
           "                    for vsock-listen it is written <cid>:<port>\n"
           "  -l, --logfile     log to this file; the default is stderr\n"
           "  -f, --pidfile     pid file of a daemon (default is %s)\n"
           "  -F, --fsfreeze-hook\n"
           "                    run a script around a freeze, with 'freeze' before it\n"
           "                    and 'thaw' after it (default is %s).\n"
           "                    Another script is given without a space in between:\n"
           "                    -F/path/to/script or --fsfreeze-hook=/path/to/script\n",
           prog, PQGA_QEMU_VERSION, PQGA_VERSION, parts->default_path("virtio-serial"),
           parts->default_path("isa-serial"), CONFIG_DEFAULT_PIDFILE, CONFIG_DEFAULT_HOOK);
    printf("  -t, --statedir    absolute path of the directory for state that outlives the\n"
           "                    agent (default is %s)\n"
           "  -v, --verbose     log more, for finding faults\n"
           "  -V, --version     print the version and exit\n"
           "  -d, --daemonize   become a daemon\n"
           "  -b, --block-rpcs  commands to refuse, separated by commas without spaces\n"
           "                    (\"help\" lists the commands there are)\n"
           "  -a, --allow-rpcs  commands to allow; all others are refused, and so are\n"
           "                    those in --block-rpcs (\"help\" lists the commands there are)\n"
           "  -c, --config      configuration file, which has to exist (default is\n"
           "                    $QGA_CONF or %s)\n"
           "  -D, --dump-conf   print the configuration that the files and options make,\n"
           "                    as a configuration file, and exit\n"
           "  -r, --retry-path  keep trying to open the path when it is not there or fails\n"
           "      --profile     what the host may do: open (the default), rhel, audit, backup,\n"
           "                    managed, confidential, or classes: +audit,+fs-mgmt; --allow-rpcs\n"
           "                    and --block-rpcs take away from that\n"
           "      --explain     print whether the commands, separated by commas (or \"all\"), are\n"
           "                    allowed, and what says so, and exit\n"
           "      --thaw        thaw what an agent that is gone left frozen, if it did, and\n"
           "                    exit\n"
           "  -h, --help        print this and exit\n"
           "\n",
           setting_find("statedir")->fallback, CONFIG_DEFAULT_FILE);
    print_own_keys();
}

static void print_commands(const struct config_parts *parts)
{
    const char *name;
    size_t i;

    for (i = 0; (name = parts->command_name(i)) != NULL; i++)
        puts(name);
}

static bool asks_for_help(const char *argument)
{
    return strcmp(argument, "help") == 0 || strcmp(argument, "?") == 0;
}

/* An option that prints something at once. */
static bool print_at_once(int option, const char *argument, const char *prog,
                          const struct config_parts *parts)
{
    switch (option) {
    case 'h':
        print_help(prog, parts);
        return true;
    case 'V':
        printf("QEMU Guest Agent %s (pqga %s)\n", PQGA_QEMU_VERSION, PQGA_VERSION);
        return true;
    case 'a':
    case 'b':
    case OPT_BLACKLIST:
        if (!asks_for_help(argument))
            return false;
        print_commands(parts);
        return true;
    default:
        return false;
    }
}

/* A new walk over the arguments: 0 makes glibc's getopt start afresh. */
static void rewind_options(bool quiet)
{
    optind = 0;
    opterr = !quiet;
}

static int next_option(int argc, char **argv)
{
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): main alone calls it, before threads run */
    return getopt_long(argc, argv, short_options, long_options, NULL);
}

enum config_result options_scan(int argc, char **argv, const struct config_parts *parts,
                                const char **ret_conf_path)
{
    int option;

    *ret_conf_path = NULL;
    rewind_options(true);
    while ((option = next_option(argc, argv)) != -1) {
        if (option == '?')
            break;
        if (option == 'c')
            *ret_conf_path = optarg;
        if (print_at_once(option, optarg, argv[0], parts))
            return CONFIG_DONE;
    }
    return CONFIG_RUN;
}

static int apply_setting(int option, const char *argument, struct config *config)
{
    CLEANUP(cmd_error_done) struct cmd_error error = { 0 };
    size_t i;

    for (i = 0; i < ARRAY_LEN(option_settings); i++) {
        const struct setting *setting = setting_find(option_settings[i].key);

        if (option_settings[i].option != option)
            continue;
        setting_source(setting, config)->from_option = true;
        if (setting_set_plain(setting, config, argument, &error) == 0)
            return 0;
        log_err("options: %s", error.text);
        return -1;
    }
    return 0;
}

static int apply(int option, const char *argument, struct config *config, bool *dump)
{
    switch (option) {
    case 'v':
        config->verbose = true;
        return 0;
    case 'd':
        config->daemonize = true;
        return 0;
    case 'r':
        config->retry_path = true;
        return 0;
    case 'D':
        *dump = true;
        return 0;
    case OPT_THAW:
        config->thaw = true;
        return 0;
    case OPT_EXPLAIN:
        config->explain = argument;
        return 0;
    case OPT_BLACKLIST:
        log_warn("option --blacklist is deprecated, use --block-rpcs instead");
        break;
    case 'F':
        if (argument == NULL)
            argument = CONFIG_DEFAULT_HOOK;
        break;
    default:
        break;
    }
    return apply_setting(option, argument, config);
}

enum config_result options_apply(int argc, char **argv, struct config *config, bool *ret_dump)
{
    int option;

    *ret_dump = false;
    rewind_options(false);
    while ((option = next_option(argc, argv)) != -1) {
        if (option == '?') {
            printf("Unknown option, try '%s --help' for more information.\n", argv[0]);
            return CONFIG_FAILED;
        }
        if (apply(option, optarg, config, ret_dump) < 0)
            return CONFIG_FAILED;
    }
    return CONFIG_RUN;
}
