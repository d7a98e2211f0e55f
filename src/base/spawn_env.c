/*
 * base/spawn_env.c - the names are those of systemd.exec(5) and sd_listen_fds(3), and our own.
 *
 *   field     written by         read by       order
 *   login[]   spawn_env_init()   any thread    before threads run
 */
#include "base/spawn_env.h"

#include "base/defs.h"

#include <pwd.h>
#include <unistd.h>

#define LOGIN_VALUE_BYTES 1024
#define PASSWD_LINE_BYTES 4096

static const char *const agents_own[] = {
    "CACHE_DIRECTORY",
    "CONFIGURATION_DIRECTORY",
    "CREDENTIALS_DIRECTORY",
    "FDSTORE",
    "INVOCATION_ID",
    "JOURNAL_STREAM",
    "LISTEN_FDNAMES",
    "LISTEN_FDS",
    "LISTEN_PID",
    "LISTEN_PIDFDID",
    "LOGS_DIRECTORY",
    "MAINPID",
    "MANAGERPID",
    "MANAGERPIDFDID",
    "MEMORY_PRESSURE_WATCH",
    "MEMORY_PRESSURE_WRITE",
    "NOTIFY_SOCKET",
    "PIDFILE",
    "QGA_CONF",
    "RUNTIME_DIRECTORY",
    "STATE_DIRECTORY",
    "SYSTEMD_EXEC_PID",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
};

enum { HOME, USER, LOGNAME, SHELL, LOGIN_COUNT };
static const char *const login_names[LOGIN_COUNT] = { "HOME", "USER", "LOGNAME", "SHELL" };
static char login[LOGIN_COUNT][LOGIN_VALUE_BYTES]; /* "NAME=value", or empty */

static void set_login(int which, const char *value)
{
    int n = snprintf(login[which], LOGIN_VALUE_BYTES, "%s=%s", login_names[which], value);

    if (n < 0 || n >= LOGIN_VALUE_BYTES)
        login[which][0] = '\0';
}

static void set_account(const char *name, const char *home, const char *shell)
{
    set_login(HOME, home);
    set_login(USER, name);
    set_login(LOGNAME, name);
    set_login(SHELL, *shell ? shell : "/bin/sh");
}

/* The file alone: a name service may be slow, or not there yet. */
void spawn_env_init(void)
{
    char line[PASSWD_LINE_BYTES];
    struct passwd entry, *found;
    FILE *file = fopen("/etc/passwd", "re");

    if (geteuid() == 0)
        set_account("root", "/root", "/bin/sh");
    while (file && fgetpwent_r(file, &entry, line, sizeof(line), &found) == 0) {
        if (found->pw_uid != geteuid())
            continue;
        set_account(found->pw_name, found->pw_dir, found->pw_shell);
        break;
    }
    if (file)
        fclose(file);
}

static bool has_name(const char *string, const char *name)
{
    size_t len = strlen(name);

    return strncmp(string, name, len) == 0 && string[len] == '=';
}

const char *spawn_env_get(char *const *envp, const char *name)
{
    for (; *envp; envp++)
        if (has_name(*envp, name))
            return *envp + strlen(name) + 1;
    return NULL;
}

static bool is_agents_own(const char *string)
{
    for (size_t i = 0; i < ARRAY_LEN(agents_own); i++)
        if (string[0] == agents_own[i][0] && has_name(string, agents_own[i]))
            return true;
    return false;
}

char **spawn_env_new(void)
{
    size_t count = 0, n = 0;
    char **envp;

    while (environ && environ[count])
        count++;
    envp = calloc(count + LOGIN_COUNT + 1, sizeof(*envp));
    if (!envp)
        return NULL;
    for (size_t i = 0; i < count; i++)
        if (!is_agents_own(environ[i]))
            envp[n++] = environ[i];
    for (int i = 0; i < LOGIN_COUNT; i++)
        if (login[i][0] && !spawn_env_get(envp, login_names[i]))
            envp[n++] = login[i];
    return envp;
}
