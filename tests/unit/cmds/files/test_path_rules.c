/* Path rules: patterns against names, lists against accesses. */
#include "cmds/files/path_rules.h"

#include "unit/cmds/fixture.h"

#define RW (PATH_READ | PATH_WRITE)

static struct path_rules *rules_of(const char *const *allow, const char *const *deny)
{
    struct path_rules *rules;
    struct cmd_error error = { 0 };

    if (path_rules_new(allow, deny, &rules, &error) < 0)
        fail_msg("%s", error.text);
    return rules;
}

static void patterns_match_component_by_component(void **state)
{
    static const struct {
        const char *pattern, *name;
        bool matches;
    } table[] = {
        { "/etc/shadow", "/etc/shadow", true },
        { "/etc/shadow", "/etc/shadow-", false },
        { "/etc/shadow", "/etc", false },
        { "/etc", "/etc/shadow", false },
        { "/", "/", true },
        { "/", "/etc", false },
        { "/*", "/", false },
        { "/*", "/etc", true },
        { "/*", "/etc/shadow", false },
        { "/etc/*", "/etc/.hidden", true },
        { "/etc/*", "/etc/a/b", false },
        { "/etc/s*w", "/etc/shadow", true },
        { "/etc/s*w", "/etc/shadows", false },
        { "/etc/*a*b*c", "/etc/xaxbbxcxc", true },
        { "/etc/*a*b*c", "/etc/xcxbxa", false },
        { "/e?c/x", "/etc/x", true },
        { "/e?c/x", "/ec/x", false },
        { "/e?c", "/e/c", false },
        { "/**", "/", true },
        { "/**", "/a", true },
        { "/**", "/a/b/c", true },
        { "/etc/**", "/etc", true },
        { "/etc/**", "/etc/a/b", true },
        { "/etc/**", "/etcetera", false },
        { "/etc/**", "/x/etc/a", false },
        { "/**/id_*", "/id_rsa", true },
        { "/**/id_*", "/home/u/.ssh/id_rsa", true },
        { "/**/id_*", "/home/id_rsa/x", false },
        { "/a/**/b/**/c", "/a/b/c", true },
        { "/a/**/b/**/c", "/a/x/b/b/y/c", true },
        { "/a/**/b/**/c", "/a/x/c/b", false },
        { "/a/**/**/c", "/a/c", true },
        { "/a/**/b/c", "/a/b/x/b/c", true },
        { "/a**", "/abc", true },
        { "/a**", "/abc/d", false },
        { "/[a-c]x", "/bx", true },
        { "/[a-c]x", "/dx", false },
        { "/[!a-c]x", "/dx", true },
        { "/[!a-c]x", "/bx", false },
        { "/[]]", "/]", true },
        { "/[-a]", "/-", true },
        { "/[a-]", "/-", true },
        { "/[*]", "/*", true },
        { "/[*]", "/x", false },
        { "/[[]", "/[", true },
        { "/x[ab]*", "/xb", true },
        { "/\\*", "/\\x", true },
        { "/\xC3\xA4*", "/\xC3\xA4hre", true },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        if (path_pattern_matches(table[i].pattern, table[i].name) != table[i].matches)
            fail_msg("%s against %s", table[i].name, table[i].pattern);
    }
}

/* What takes exponential time where each asterisk tries anew; here, the time limit of the test. */
static void a_name_made_for_it_takes_no_long_time(void **state)
{
    char name[4000], pattern[4000] = "";

    (void)state;
    memset(name, 'a', sizeof(name));
    name[0] = '/';
    name[255] = '\0';
    assert_false(path_pattern_matches("/*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", name));
    for (size_t i = 0; i < sizeof(name) - 2; i += 2)
        memcpy(name + i, "/a", 3);
    for (size_t i = 0; i < 500; i++)
        memcpy(pattern + i * 5, "/**/a", 6);
    strcat(pattern, "/b");
    assert_false(path_pattern_matches(pattern, name));
}

static void wrong_patterns_are_named(void **state)
{
    static const char *const table[][2] = {
        { "", "file-deny: '' is no pattern: it is not absolute" },
        { "etc", "file-deny: 'etc' is no pattern: it is not absolute" },
        { "r:", "file-deny: '' is no pattern: it is not absolute" },
        { "x:/etc", "file-deny: 'x:/etc' is no pattern: it is not absolute" },
        { "/etc/", "file-deny: '/etc/' is no pattern: it has an empty component" },
        { "//etc", "file-deny: '//etc' is no pattern: it has an empty component" },
        { "/etc/../x", "file-deny: '/etc/../x' is no pattern: it has a component . or .., which no "
                       "name of a file has" },
        { "/.",
          "file-deny: '/.' is no pattern: it has a component . or .., which no name of a file "
          "has" },
        { "/a[b", "file-deny: '/a[b' is no pattern: a [ has no ]; [[] is the character" },
        { "/a[b/]", "file-deny: '/a[b/]' is no pattern: a [ has no ]; [[] is the character" },
        { "/a ", "file-deny: '/a ' is no pattern: it ends with a blank; [ ] is the character" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        const char *const deny[] = { "/fine", table[i][0], NULL };
        struct cmd_error error = { 0 };
        struct path_rules *rules;

        assert_int_equal(path_rules_new(NULL, deny, &rules, &error), -1);
        assert_null(rules);
        assert_string_equal(error.text, table[i][1]);
        cmd_error_done(&error);
    }
}

static bool allows(const struct path_rules *rules, unsigned access, const char *name)
{
    CLEANUP(buf_done) struct buf names = { 0 };

    buf_append(&names, name, strlen(name) + 1);
    return path_rules_allow(rules, access, &names);
}

static void an_item_is_about_its_accesses(void **state)
{
    const char *const allow[] = { "r:/a/**", " w:/b", "rw:/c", NULL };
    const char *const deny[] = { "w:/c", "/a/x", NULL };
    struct path_rules *rules = rules_of(allow, deny);

    (void)state;
    assert_true(allows(rules, PATH_READ, "/a/y"));
    assert_false(allows(rules, PATH_WRITE, "/a/y"));
    assert_false(allows(rules, PATH_READ, "/a/x"));
    assert_false(allows(rules, PATH_READ, "/b"));
    assert_true(allows(rules, PATH_WRITE, "/b"));
    assert_false(allows(rules, RW, "/b"));
    assert_true(allows(rules, PATH_READ, "/c"));
    assert_false(allows(rules, PATH_WRITE, "/c"));
    assert_false(allows(rules, RW, "/c"));
    assert_false(allows(rules, PATH_READ, "/d"));
    path_rules_free(rules);
}

static void an_access_without_items_is_not_ruled(void **state)
{
    const char *const allow[] = { "w:/b", NULL };
    struct path_rules *rules = rules_of(allow, NULL);

    (void)state;
    assert_false(path_rules_apply(NULL, RW));
    assert_null(rules_of(NULL, NULL));
    assert_false(path_rules_apply(rules, PATH_READ));
    assert_true(path_rules_apply(rules, PATH_WRITE));
    assert_true(path_rules_apply(rules, RW));
    assert_true(allows(rules, PATH_READ, "/any"));
    path_rules_free(rules);
}

static void a_deny_counts_for_each_name_an_allow_for_the_first(void **state)
{
    const char *const allow[] = { "/a", NULL };
    const char *const deny[] = { "/z", NULL };
    struct path_rules *rules = rules_of(allow, deny);

    (void)state;
    assert_true(path_rules_allow(rules, RW, &(struct buf){ .data = (char[]){ "/a\0/b" }, 6 }));
    assert_false(path_rules_allow(rules, RW, &(struct buf){ .data = (char[]){ "/b\0/a" }, 6 }));
    assert_false(path_rules_allow(rules, RW, &(struct buf){ .data = (char[]){ "/a\0/z" }, 6 }));
    path_rules_free(rules);
}

static void only_the_very_name_is_literal(void **state)
{
    const char *const allow[] = { "r:/a", "w:/a", "/b*", "r:/c", NULL };
    struct path_rules *rules = rules_of(allow, NULL);

    (void)state;
    assert_true(path_rules_allow_literally(rules, RW, "/a"));
    assert_false(path_rules_allow_literally(rules, PATH_READ, "/b*"));
    assert_true(path_rules_allow_literally(rules, PATH_READ, "/c"));
    assert_false(path_rules_allow_literally(rules, RW, "/c"));
    path_rules_free(rules);
}

static void other_rules_are_not_within(void **state)
{
    struct path_rules *a = rules_of((const char *[]){ "/a", NULL }, NULL);
    struct path_rules *same = rules_of((const char *[]){ "rw:/a", NULL }, NULL);
    struct path_rules *read = rules_of((const char *[]){ "r:/a", NULL }, NULL);
    struct path_rules *deny = rules_of(NULL, (const char *[]){ "/a", NULL });

    (void)state;
    assert_true(path_rules_within(NULL, NULL));
    assert_true(path_rules_within(a, NULL));
    assert_true(path_rules_within(same, a));
    assert_false(path_rules_within(NULL, a));
    assert_false(path_rules_within(read, a));
    assert_false(path_rules_within(deny, a));
    path_rules_free(a);
    path_rules_free(same);
    path_rules_free(read);
    path_rules_free(deny);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_match_component_by_component),
        cmocka_unit_test(a_name_made_for_it_takes_no_long_time),
        cmocka_unit_test(wrong_patterns_are_named),
        cmocka_unit_test(an_item_is_about_its_accesses),
        cmocka_unit_test(an_access_without_items_is_not_ruled),
        cmocka_unit_test(a_deny_counts_for_each_name_an_allow_for_the_first),
        cmocka_unit_test(only_the_very_name_is_literal),
        cmocka_unit_test(other_rules_are_not_within),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
