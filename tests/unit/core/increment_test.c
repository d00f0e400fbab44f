#include "tests/unit/core/increment_rows.h"

static void test_objects_grow_and_keep_what_they_have(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{"{}", "{}", NULL, 0},
		{"{'a':1}", "{ 'a' : 1.0 }", NULL, 0},
		{"{'a':1,'b':'x'}", "{'b':'\\u0078','a':1}", NULL, 0},
		{"{'a':1}", "{'a':1,'b':2}", NULL, 1},
		{"{'a':{'b':{}}}", "{'a':{'b':{'c':[]},'d':true}}", NULL, 2},
		{"{'a':1}", "{}", "/a", 0},
		{"{'a':1}", "{'a':2}", "/a", 0},
		{"{'a':1}", "{'a':'1'}", "/a", 0},
		{"{'a':true}", "{'a':false}", "/a", 0},
		{"{'a':{'b':1}}", "{'a':[]}", "/a", 0},
		{"{'a':{'b':1}}", "{'a':1}", "/a", 0},
		{"{'a/b':{'~':1}}", "{'a/b':{'~':2}}", "/a~1b/~0", 0},
		{"{'a':12345678901234567890}", "{'a':12345678901234567891}", "/a", 0},
		{"{'a':1e3}", "{'a':1000.00}", NULL, 0},
		{"{'a':1}", "[]", "/", 0},
	};
	CHECK(rows);
}

static void test_null_counts_as_absent(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{"{'a':null}", "{}", NULL, 0},
		{"{'a':null}", "{'a':null}", NULL, 0},
		{"{'a':null}", "{'a':{'b':1}}", NULL, 1},
		{"{}", "{'a':null}", NULL, 0},
		{"{'a':1}", "{'a':null}", "/a", 0},
		{"{'a':[null]}", "{'a':[1]}", "/a/0", 0},
		{"{'a':[{'x':null}]}", "{'a':[{}]}", NULL, 0},
		{"{'spec':{'engine':null}}", "{'spec':{'engine':'local'}}", "/spec/engine", 0},
	};
	CHECK(rows);
}

static void test_other_lists_grow_at_their_end_only(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{"{'l':[1,2]}", "{'l':[1,2,3,4]}", NULL, 1},
		{"{'l':[]}", "{'l':[3]}", NULL, 1},
		{"{'l':[1,2]}", "{'l':[1]}", "/l/1", 0},
		{"{'l':[1,2]}", "{'l':[2,1]}", "/l/0", 0},
		{"{'l':[1,2]}", "{'l':[0,1,2]}", "/l/0", 0},
		{"{'l':[{'a':1}]}", "{'l':[{'a':1,'b':2}]}", "/l/0/b", 0},
		{"{'l':[{'a':[1]}]}", "{'l':[{'a':[1,2]}]}", "/l/0/a/1", 0},
		{"{'l':[{'a':1,'b':2}]}", "{'l':[{'b':2,'a':1.0},{'a':1}]}", NULL, 1},
		/* Keyed by nothing: not where the TaskSet says so. */
		{"{'env':[{'name':'a'}]}", "{'env':[{'name':'a','value':'1'}]}", "/env/0/value", 0},
	};
	CHECK(rows);
}

static void test_keyed_lists_grow_by_element(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{CON(""), CON(",'image':'i'"), NULL, 1},
		{POD("'containers':[{'name':'a'}]"),
		 POD("'containers':[{'name':'a','image':'i'},{'name':'b','command':['x']}]"), NULL,
		 2},
		{POD("'containers':[{'name':'a'}]"),
		 POD("'containers':[{'name':'b'},{'name':'a'}]"), AT_POD "/containers/0", 0},
		{POD("'containers':[{'name':'a'}]"), POD("'containers':[{'name':'b'}]"),
		 AT_POD "/containers/0", 0},
		{POD("'containers':[{'name':'a'},{'name':'b'}]"),
		 POD("'containers':[{'name':'b'},{'name':'a'}]"), AT_POD "/containers/0", 0},
		{POD("'containers':[{'name':'a'}]"), POD("'containers':[]"), AT_POD "/containers/0",
		 0},
		{POD("'containers':[{'name':'a'}]"),
		 POD("'containers':[{'name':'a'},{'name':'a'}]"), AT_POD "/containers/1", 0},
		{POD("'containers':[{'name':'a'}]"),
		 POD("'containers':[{'name':'a'},{'image':'i'}]"), AT_POD "/containers/1", 0},
		{POD("'volumes':[{'name':'v'}]"),
		 POD("'volumes':[{'name':'v','emptyDir':{}},{'name':'w'}]"), NULL, 2},
		{POD("'imagePullSecrets':[{'name':'v'}]"),
		 POD("'imagePullSecrets':[{'name':'v'},{'name':'w'}]"), NULL, 1},
		{CON(""), CON(",'env':[{'name':'A','value':'1'}]"), NULL, 1},
		{CON(""), CON(",'env':[{'value':'1'}]"), AT_CON "/env/0", 0},
		{CON(""), CON(",'env':['A']"), AT_CON "/env/0", 0},
		{CON(""), CON(",'env':[{'name':'A'},{'name':'\\u0041'}]"), AT_CON "/env/1", 0},
		{CON(",'env':[{'name':'A','value':'1'}]"), CON(",'env':[{'name':'A','value':'2'}]"),
		 AT_CON "/env/0/value", 0},
		{CON(",'ports':[{'containerPort':80}]"),
		 CON(",'ports':[{'containerPort':80.0,'protocol':'TCP','name':'web'},"
		     "{'containerPort':80,'protocol':'UDP'}]"),
		 NULL, 3},
		{CON(",'ports':[{'containerPort':80}]"),
		 CON(",'ports':[{'containerPort':80},{'containerPort':8e1,'protocol':'TCP'}]"),
		 AT_CON "/ports/1", 0},
		{CON(",'ports':[{'containerPort':80}]"), CON(",'ports':[{'containerPort':81}]"),
		 AT_CON "/ports/0", 0},
		{CON(""), CON(",'ports':[{'name':'web'}]"), AT_CON "/ports/0", 0},
		{CON(",'volumeMounts':[{'mountPath':'/d','name':'v'}]"),
		 CON(",'volumeMounts':[{'mountPath':'/d','name':'v','readOnly':true},"
		     "{'mountPath':'/e','name':'v'}]"),
		 NULL, 2},
		{CON(",'volumeMounts':[{'mountPath':'/d','name':'v'}]"),
		 CON(",'volumeMounts':[{'mountPath':'/d','name':'w'}]"),
		 AT_CON "/volumeMounts/0/name", 0},
		{ROLE(",'eventPolicy':[{'event':'RoleFailed'}]"),
		 ROLE(",'eventPolicy':[{'event':'RoleFailed','action':'x'},{'event':'e'}]"), NULL,
		 2},
		{"{'spec':{'roles':[{'name':'a'}]}}",
		 "{'spec':{'roles':[{'name':'a'},{'name':'b'}]}}", NULL, 1},
	};
	CHECK(rows);
}

/* What is legal for these stands above. */
static void test_no_keyed_list_may_lose_or_change_an_element(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{"{'spec':{'roles':[{'name':'a'},{'name':'b'}]}}",
		 "{'spec':{'roles':[{'name':'a'}]}}", "/spec/roles/1", 0},
		{"{'spec':{'roles':[{'name':'a'}]}}", "{'spec':{'roles':[{'name':'a'},{'x':1}]}}",
		 "/spec/roles/1", 0},
		{POD("'initContainers':[{'name':'a'}]"), POD("'initContainers':[{'name':'b'}]"),
		 AT_POD "/initContainers/0", 0},
		{POD("'initContainers':[{'name':'a'}]"),
		 POD("'initContainers':[{'name':'a','env':[{'name':'A'}]},{'name':'b'}]"), NULL, 2},
		{POD("'volumes':[{'name':'v','emptyDir':{}}]"),
		 POD("'volumes':[{'name':'v','hostPath':{'path':'/'}}]"),
		 AT_POD "/volumes/0/emptyDir", 0},
		{POD("'volumes':[{'name':'v'}]"), POD("'volumes':[{'name':'w'},{'name':'v'}]"),
		 AT_POD "/volumes/0", 0},
		{POD("'imagePullSecrets':[{'name':'v'}]"), POD("'imagePullSecrets':[]"),
		 AT_POD "/imagePullSecrets/0", 0},
		{POD("'imagePullSecrets':[{'name':'v'}]"),
		 POD("'imagePullSecrets':[{'name':'v'},{'name':'v'}]"),
		 AT_POD "/imagePullSecrets/1", 0},
		{CON(",'env':[{'name':'A'},{'name':'B'}]"),
		 CON(",'env':[{'name':'B'},{'name':'A'}]"), AT_CON "/env/0", 0},
		{CON(",'ports':[{'containerPort':80,'protocol':'TCP'}]"),
		 CON(",'ports':[{'containerPort':80,'protocol':'UDP'}]"), AT_CON "/ports/0", 0},
		{CON(",'volumeMounts':[{'mountPath':'/d'}]"), CON(",'volumeMounts':[]"),
		 AT_CON "/volumeMounts/0", 0},
		{CON(",'volumeMounts':[{'mountPath':'/d'}]"),
		 CON(",'volumeMounts':[{'mountPath':'/d'},{'name':'n'}]"), AT_CON "/volumeMounts/1",
		 0},
		{ROLE(",'eventPolicy':[{'event':'e','action':'x'}]"),
		 ROLE(",'eventPolicy':[{'event':'e','action':'y'}]"),
		 "/spec/roles/0/eventPolicy/0/action", 0},
		{ROLE(",'eventPolicy':[{'event':'e'}]"),
		 ROLE(",'eventPolicy':[{'event':'e'},{'event':'e'}]"),
		 "/spec/roles/0/eventPolicy/1", 0},
		{POD("'tolerations':[{'key':'a'}]"), POD("'tolerations':[]"),
		 AT_POD "/tolerations/0", 0},
		{ROLE(",'dependsOn':['a']"), ROLE(",'dependsOn':[]"), "/spec/roles/0/dependsOn/0",
		 0},
	};
	CHECK(rows);
}

static void test_tolerations_are_told_apart_by_all_members(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{POD("'tolerations':[{'key':'a','value':null}]"),
		 POD("'tolerations':[{'key':'a'},{'key':'a','effect':'x'}]"), NULL, 1},
		{POD("'tolerations':[{'key':'a','n':1}]"),
		 POD("'tolerations':[{'n':1.0,'key':'a'}]"), NULL, 0},
		{POD("'tolerations':[{'key':'a'}]"),
		 POD("'tolerations':[{'key':'a','effect':'x'}]"), AT_POD "/tolerations/0", 0},
		{POD("'tolerations':[{'key':'a'}]"),
		 POD("'tolerations':[{'key':'a'},{'key':'b','n':[{'a':1,'b':2}]},{'n':[{'b':2,'a':"
		     "1}],'key':'b'}]"),
		 AT_POD "/tolerations/2", 0},
	};
	CHECK(rows);
}

static void test_dependencies_are_a_set(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ROLE(",'dependsOn':['a']"),
		 ROLE(",'dependsOn':['a','b',{'role':'c','on':'ended'}]"), NULL, 2},
		{ROLE(",'dependsOn':['a']"), ROLE(",'dependsOn':[{'role':'a','on':'succeeded'}]"),
		 NULL, 0},
		{ROLE(",'dependsOn':[{'role':'a'}]"), ROLE(",'dependsOn':['a']"), NULL, 0},
		{ROLE(",'dependsOn':['a']"), ROLE(",'dependsOn':[{'role':'a','x':1}]"),
		 "/spec/roles/0/dependsOn/0", 0},
		{ROLE(",'dependsOn':['a']"), ROLE(",'dependsOn':[{'role':'a','on':'failed'}]"),
		 "/spec/roles/0/dependsOn/0", 0},
		{ROLE(",'dependsOn':['a']"), ROLE(",'dependsOn':['b','a']"),
		 "/spec/roles/0/dependsOn/0", 0},
		{ROLE(",'dependsOn':['a']"), ROLE(",'dependsOn':['a','a']"),
		 "/spec/roles/0/dependsOn/1", 0},
		{ROLE(",'dependsOn':['a']"), ROLE(",'dependsOn':['a',{'role':'a'}]"),
		 "/spec/roles/0/dependsOn/1", 0},
		{ROLE(",'dependsOn':['a']"), ROLE(",'dependsOn':['a',7]"),
		 "/spec/roles/0/dependsOn/1", 0},
		{ROLE(""), ROLE(",'dependsOn':['a']"), NULL, 1},
	};
	CHECK(rows);
}

static void test_quantities_are_compared_by_amount(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{CON(",'resources':{'limits':{'cpu':'1','memory':'1Ki'}}"),
		 CON(",'resources':{'limits':{'cpu':'1000m','memory':'1024'},'requests':{'cpu':1}"
		     "}"),
		 NULL, 1},
		{CON(",'resources':{'limits':{'cpu':1}}"),
		 CON(",'resources':{'limits':{'cpu':'1'}}"), NULL, 0},
		{CON(",'resources':{'limits':{'cpu':'1'}}"),
		 CON(",'resources':{'limits':{'cpu':'2'}}"), AT_CON "/resources/limits/cpu", 0},
		{POD("'volumes':[{'name':'v','emptyDir':{'sizeLimit':'1Gi'}}]"),
		 POD("'volumes':[{'name':'v','emptyDir':{'sizeLimit':'1024Mi'}}]"), NULL, 0},
		{POD("'volumes':[{'name':'v','emptyDir':{'sizeLimit':'1Gi'}}]"),
		 POD("'volumes':[{'name':'v','emptyDir':{'sizeLimit':'1G'}}]"),
		 AT_POD "/volumes/0/emptyDir/sizeLimit", 0},
		{CON(",'resources':{'requests':{'cpu':'0.5'}}"),
		 CON(",'resources':{'requests':{'cpu':'500m'}}"), NULL, 0},
		{CON(",'resources':{'requests':{'cpu':'0.5'}}"),
		 CON(",'resources':{'requests':{'cpu':'501m'}}"), AT_CON "/resources/requests/cpu",
		 0},
		{CON(",'x':{'cpu':'1'}"), CON(",'x':{'cpu':'1000m'}"), AT_CON "/x/cpu", 0},
		{CON(",'resources':{'limits':{'cpu':true}}"),
		 CON(",'resources':{'limits':{'cpu':'1'}}"), AT_CON "/resources/limits/cpu", 0},
	};
	CHECK(rows);
}

static const struct row protected_rows[] = {
	{"{'kind':'TaskSet'}", "{'kind':'Other'}", "/kind", 0},
	{"{}", "{'apiVersion':'v2'}", "/apiVersion", 0},
	{"{'apiVersion':'v1'}", "{'apiVersion':'v2'}", "/apiVersion", 0},
	{"{'metadata':{'name':'x'}}", "{'metadata':{'name':'y'}}", "/metadata/name", 0},
	{"{'metadata':{'name':'x'}}", "{'metadata':{'name':'x','labels':{'a':'b'}}}", NULL, 1},
	{POD("'initContainers':[{'name':'i'}]"),
	 POD("'initContainers':[{'name':'i','env':[{'name':'SLUICE_X'}]}]"),
	 AT_POD "/initContainers/0/env/0", 0},
	{POD("'initContainers':[{'name':'i','args':['a']}]"),
	 POD("'initContainers':[{'name':'i','args':['a','b']}]"), AT_POD "/initContainers/0/args/1",
	 0},
	{"{}", "{'metadata':{'name':'x'}}", "/metadata/name", 0},
	{"{'metadata':{}}", "{'metadata':{'name':'x'}}", "/metadata/name", 0},
	{"{'metadata':{'name':{'a':1}}}", "{'metadata':{'name':{'a':1,'b':2}}}", "/metadata/name/b",
	 0},
	{ROLE(""), ROLE(",'replicas':2"), "/spec/roles/0/replicas", 0},
	{ROLE(",'replicas':1"), ROLE(",'replicas':2"), "/spec/roles/0/replicas", 0},
	{ROLE(",'replicas':1"), ROLE(",'replicas':1.0"), NULL, 0},
	{CON(""), CON(",'env':[{'name':'SLUICE_X'}]"), AT_CON "/env/0", 0},
	{CON(",'env':[]"), CON(",'env':[{'name':'TASKSET_NAME'}]"), AT_CON "/env/0", 0},
	{CON(",'env':[{'name':'A'}]"), CON(",'env':[{'name':'A'},{'name':'TASKROLE_\\u0041'}]"),
	 AT_CON "/env/1", 0},
	{CON(",'env':[{'name':'TASKSET_A'}]"), CON(",'env':[{'name':'TASKSET_A','value':'1'}]"),
	 AT_CON "/env/0/value", 0},
	{CON(",'env':[{'name':'TASKSET_A'}]"),
	 CON(",'env':[{'name':'TASKSET_A'},{'name':'TASKSETS'}]"), NULL, 1},
	{"{'spec':{}}", "{'spec':{},'status':{'state':'x'}}", NULL, 0},
	{"{'status':{'state':'x'}}", "{'status':{'state':'y'}}", NULL, 0},
	{"{'status':{'state':'x'}}", "{}", NULL, 0},
};

static void test_protected_paths_stay(void **state)
{
	(void)state;
	CHECK_AS(protected_rows, INCREMENT_DECORATOR, false);
	CHECK_AS(protected_rows, INCREMENT_BINDER, false);
}

static void test_the_binder_may_name_engine_and_scheduler(void **state)
{
	(void)state;
	static const struct row decorator[] = {
		{"{'spec':{}}", "{'spec':{'engine':'local'}}", "/spec/engine", 0},
		{POD(""), POD("'schedulerName':'s'"), AT_POD "/schedulerName", 0},
		{"{}", "{'spec':{'engine':'local'}}", "/spec/engine", 0},
	};
	static const struct row binder[] = {
		{"{'spec':{}}", "{'spec':{'engine':'local'}}", NULL, 1},
		{POD(""), POD("'schedulerName':'s'"), NULL, 1},
		{"{}", "{'spec':{'engine':'local'}}", NULL, 1},
		{"{'spec':{'engine':'docker'}}", "{'spec':{'engine':'local'}}", "/spec/engine", 0},
		{POD("'schedulerName':'s'"), POD("'schedulerName':'t'"), AT_POD "/schedulerName",
		 0},
	};
	CHECK_AS(decorator, INCREMENT_DECORATOR, false);
	CHECK_AS(binder, INCREMENT_BINDER, false);
}

static void test_what_a_plugin_adds_whole_is_its_own(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{POD("'containers':[]"),
		 POD("'containers':[{'name':'n','command':['x'],'args':['y'],"
		     "'env':[{'name':'SLUICE_A'},{'name':'SLUICE_A'}]}]"),
		 NULL, 1},
		{POD(""), POD("'initContainers':[{'name':'n','command':['x'],'env':[{}]}]"), NULL,
		 1},
		{ROLE(""),
		 "{'spec':{'roles':[{'name':'r'},{'name':'s','replicas':3,'template':{'spec':{"
		 "'schedulerName':'x','containers':[{'name':'c','args':['a']}]}}}]}}",
		 NULL, 1},
		{POD(""), POD("'initContainers':[{'name':'n'},{'name':'n'}]"),
		 AT_POD "/initContainers/1", 0},
	};
	CHECK(rows);
}

static void test_more_paths_can_be_protected(void **state)
{
	(void)state;
	static const char *const protect[] = {
		"/metadata/annotations/a~1b~0",
		"/spec/roles/*/template/spec/volumes",
		"/spec/roles/1/*/x",
		NULL,
	};
	static const struct row rows[] = {
		{"{'metadata':{}}", "{'metadata':{'annotations':{'a':'1'}}}", NULL, 1},
		{"{'metadata':{}}", "{'metadata':{'annotations':{'a/b~':'1'}}}",
		 "/metadata/annotations/a~1b~0", 0},
		{POD(""), POD("'volumes':[]"), AT_POD "/volumes", 0},
		{POD("'volumes':[]"), POD("'volumes':[{'name':'v'}]"), AT_POD "/volumes/0", 0},
		{POD("'volumes':[{'name':'v'}]"), POD("'volumes':[{'name':'v','x':1}]"),
		 AT_POD "/volumes/0/x", 0},
		{"{'spec':{'roles':[{'name':'a','m':{}},{'name':'b','m':{}}]}}",
		 "{'spec':{'roles':[{'name':'a','m':{'x':1}},{'name':'b','m':{}}]}}", NULL, 1},
		{"{'spec':{'roles':[{'name':'a','m':{}},{'name':'b','m':{}}]}}",
		 "{'spec':{'roles':[{'name':'a','m':{}},{'name':'b','m':{'x':1}}]}}",
		 "/spec/roles/1/m/x", 0},
	};
	check_rows(rows, countof(rows), INCREMENT_DECORATOR, false, protect);
	static const char *const commands[] = {"/spec/roles/*/template/spec/containers/*/command",
					       NULL};
	static const struct row frozen[] = {
		{SH("x"), SH("a;x"), AT_CMD, 0},
		{SH("x"), SH("x"), NULL, 0},
		{CMD("'x'"), CMD("'a','x'"), AT_CMD, 0},
	};
	check_rows(frozen, countof(frozen), INCREMENT_DECORATOR, false, commands);
}

static void test_a_protected_path_must_be_a_pointer(void **state)
{
	(void)state;
	static const char *const bad[] = {"metadata", "", "/a~2", "/a/b~",
					  "/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17"};
	for (size_t i = 0; i < countof(bad); i++) {
		struct increment_rules *rules = NULL;
		struct sl_error err = {0};
		const char *protect[] = {bad[i], NULL};
		assert_int_equal(increment_rules_create(protect, &rules, &err), SL_E_INVALID);
		assert_non_null(strstr(err.text, bad[i]));
		assert_null(rules);
	}
	const char *many[100] = {0};
	for (size_t i = 0; i < 99; i++)
		many[i] = "/x";
	struct increment_rules *rules = NULL;
	assert_int_equal(increment_rules_create(many, &rules, NULL), SL_E_TOO_BIG);
}

static void test_a_typed_answer_may_lack_members(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{"{'a':1,'b':{'c':1,'d':2}}", "{'b':{'d':2,'e':3}}", NULL, 1},
		{"{'a':1}", "{'a':null}", NULL, 0},
		{"{'a':1}", "{'a':2}", "/a", 0},
		{CMD("'x'"), CON(""), NULL, 0},
		{POD("'containers':[{'name':'a','x':1},{'name':'b'}]"),
		 POD("'containers':[{'name':'a'},{'name':'b'},{'name':'c'}]"), NULL, 1},
		{POD("'containers':[{'name':'a'},{'name':'b'}]"),
		 POD("'containers':[{'name':'a'}]"), AT_POD "/containers/1", 0},
		{"{'l':[{'a':1,'b':2}]}", "{'l':[{'a':1}]}", NULL, 0},
		{"{'l':[1,2]}", "{'l':[1]}", "/l/1", 0},
	};
	CHECK_AS(rows, INCREMENT_DECORATOR, true);
}

static void test_a_list_without_its_keys_in_the_base_is_an_other_list(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{CON(",'env':[{'name':'A'},{'name':'A'}]"),
		 CON(",'env':[{'name':'A'},{'name':'A'},{'name':'B'}]"), NULL, 1},
		{CON(",'env':[{'value':'1'}]"), CON(",'env':[{'value':'1','name':'A'}]"),
		 AT_CON "/env/0/name", 0},
	};
	CHECK(rows);
}

static void test_the_values_of_a_violation_are_cut(void **state)
{
	(void)state;
	scoped(buf_finip) struct buf text;
	buf_init(&text, 10000);
	buf_add_str(&text, "{'a' : [ 'x");
	for (int i = 0; i < 100; i++)
		buf_add_str(&text, "\xc3\xa9");
	buf_add_str(&text, "']}");
	scoped(drop) struct json base = parse(buf_str(&text));
	scoped(drop) struct json answer = parse("{'a' : { 'b' : 1 } }");
	scoped(increment_rules_freep) struct increment_rules *rules = NULL;
	assert_int_equal(increment_rules_create(NULL, &rules, NULL), 0);
	struct increment_options options = {rules, INCREMENT_DECORATOR, false};
	struct increment got = {0};
	struct increment_violation v;
	assert_int_equal(increment_check(&base, &answer, &options, &got, &v, NULL), SL_E_CONFLICT);
	assert_string_equal(v.new_text, "{\"b\":1}");
	size_t len = strlen(v.old_text);
	assert_in_range(len, 75, 83);
	assert_string_equal(v.old_text + len - 3, "...");
	assert_int_equal((uint8_t)v.old_text[len - 4], 0xa9);
	assert_memory_equal(v.old_text, "[\"x\xc3\xa9", 5);
}

static void test_a_key_is_found_twice_in_a_long_list(void **state)
{
	(void)state;
	scoped(buf_finip) struct buf answer;
	buf_init(&answer, 1 << 20);
	buf_add_str(&answer, "{'spec':{'roles':[{'name':'r','dependsOn':[");
	for (int i = 0; i < 100; i++)
		buf_addf(&answer, "'d%d',", i);
	buf_add_str(&answer, "'d50','d50']}]}}");
	struct row row = {ROLE(""), buf_str(&answer), "/spec/roles/0/dependsOn/100", 0};
	check_rows(&row, 1, INCREMENT_DECORATOR, false, NULL);
}

/* 20 000 environment names, then members in the opposite order: seconds, were it quadratic. */
static void test_large_documents(void **state)
{
	(void)state;
	enum { N = 20000 };
	scoped(buf_finip) struct buf base, answer;
	buf_init(&base, 1 << 24);
	buf_init(&answer, 1 << 24);
	struct buf *both[] = {&base, &answer};
	for (int k = 0; k < 2; k++) {
		buf_add_str(both[k],
			    "{'spec':{'roles':[{'name':'r','template':{'spec':{'containers':["
			    "{'name':'c','env':[");
		for (int i = 0; i < N + k; i++)
			buf_addf(both[k], "%s{'name':'E%d'}", i ? "," : "", i);
		buf_add_str(both[k], "]}]}}}],'x':{");
		for (int i = 0; i < N + k; i++)
			buf_addf(both[k], "%s'm%d':1", i ? "," : "", k ? N - i : i);
		buf_add_str(both[k], "}}}");
	}
	struct row row = {buf_str(&base), buf_str(&answer), NULL, 2};
	check_rows(&row, 1, INCREMENT_DECORATOR, false, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_objects_grow_and_keep_what_they_have),
		cmocka_unit_test(test_null_counts_as_absent),
		cmocka_unit_test(test_other_lists_grow_at_their_end_only),
		cmocka_unit_test(test_keyed_lists_grow_by_element),
		cmocka_unit_test(test_no_keyed_list_may_lose_or_change_an_element),
		cmocka_unit_test(test_tolerations_are_told_apart_by_all_members),
		cmocka_unit_test(test_dependencies_are_a_set),
		cmocka_unit_test(test_quantities_are_compared_by_amount),
		cmocka_unit_test(test_protected_paths_stay),
		cmocka_unit_test(test_the_binder_may_name_engine_and_scheduler),
		cmocka_unit_test(test_what_a_plugin_adds_whole_is_its_own),
		cmocka_unit_test(test_more_paths_can_be_protected),
		cmocka_unit_test(test_a_protected_path_must_be_a_pointer),
		cmocka_unit_test(test_a_typed_answer_may_lack_members),
		cmocka_unit_test(test_a_list_without_its_keys_in_the_base_is_an_other_list),
		cmocka_unit_test(test_the_values_of_a_violation_are_cut),
		cmocka_unit_test(test_a_key_is_found_twice_in_a_long_list),
		cmocka_unit_test(test_large_documents),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
