/* Completion for bash, zsh and fish, written from the table of commands. */
#include "cli/sluicectl/ctl.h"

#include <stdio.h>
#include <string.h>

/* "a|b" as "a b". */
static void put_words(const char *choices)
{
	for (; choices && *choices; choices++)
		putchar(*choices == '|' ? ' ' : *choices);
}

static const char *words_of(const struct command_option *o)
{
	return o->choices ? o->choices : o->hints;
}

static bool takes_file(const struct command_option *o)
{
	return o->value && strcmp(o->value, "FILE") == 0;
}

/* Is this the first command of its group (or one without)? */
static bool begins_group(size_t i)
{
	for (size_t before = 0; before < i; before++)
		if (commands[before]->group && commands[i]->group &&
		    strcmp(commands[before]->group, commands[i]->group) == 0)
			return false;
	return true;
}

static bool in_group(const struct command *c, const char *group)
{
	return c->group && group && strcmp(c->group, group) == 0;
}

/* ---- bash, and zsh by way of it ---- */

static void bash_first_words(void)
{
	for (size_t i = 0; commands[i]; i++)
		if (begins_group(i))
			printf(" %s", commands[i]->group ? commands[i]->group : commands[i]->name);
}

static void bash_groups(void)
{
	for (size_t i = 0; commands[i]; i++) {
		if (!begins_group(i) || !commands[i]->group)
			continue;
		printf("    %s) words='", commands[i]->group);
		for (size_t c = i; commands[c]; c++)
			if (in_group(commands[c], commands[i]->group))
				printf("%s ", commands[c]->name);
		printf("' ;;\n");
	}
}

static void bash_option_names(const struct command_option *o, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		printf(" --%s", o[i].name);
		if (o[i].letter)
			printf(" -%c", o[i].letter);
	}
}

/* A row of the case that tells what the value of an option may be. */
static void bash_values(const char *command, const struct command_option *o, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!o[i].value)
			continue;
		printf("    '%s --%s'", command, o[i].name);
		if (o[i].letter)
			printf("|'%s -%c'", command, o[i].letter);
		printf(") words='");
		put_words(words_of(&o[i]));
		printf("'; kind=%s ;;\n", takes_file(&o[i]) ? "file" : "value");
	}
}

static void bash_command(const struct command *c)
{
	printf("    '%s%s%s') words='", c->group ? c->group : "", c->group ? " " : "", c->name);
	put_words(c->arg_hints);
	if (c->arg2_hints) {
		printf("'; case ${#args[@]} in 0) ;; 1) words='");
		put_words(c->arg2_hints);
		printf("' ;; *) words='' ;; esac");
	} else {
		putchar('\'');
	}
	printf("; kind=%s; options='", c->args && c->arg_kind == ARG_FILE ? "file" : "name");
	bash_option_names(c->option, c->options);
	printf("' ;;\n");
}

static void bash_head(void)
{
	puts("# Completion of sluicectl for bash; made by: sluicectl completion bash\n"
	     "_sluicectl_bash() {\n"
	     "  local cur prev first='' second='' word words='' options='' kind='' command i "
	     "args=()\n"
	     "  cur=${COMP_WORDS[COMP_CWORD]}\n"
	     "  prev=${COMP_WORDS[COMP_CWORD-1]}\n"
	     "  COMPREPLY=()\n"
	     "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
	     "    word=${COMP_WORDS[i]}\n"
	     "    case $word in\n"
	     "    --server|--token|--cacert|--cert|--key|--output|-o) ((i++)) ;;\n"
	     "    -*) ;;\n"
	     "    *) if [[ -z $first ]]; then first=$word\n"
	     "       elif [[ -z $second ]]; then second=$word\n"
	     "       else args+=(\"$word\"); fi ;;\n"
	     "    esac\n"
	     "  done");
}

static void bash_middle(void)
{
	printf("  case $first in\n    '') words='");
	bash_first_words();
	printf("' ;;\n");
	bash_groups();
	puts("    *) second='' ;;\n"
	     "  esac\n"
	     "  command=$first${second:+ $second}\n"
	     "  case $command in");
	for (size_t i = 0; commands[i]; i++)
		bash_command(commands[i]);
	puts("  esac\n"
	     "  case \"$command $prev\" in");
	for (size_t i = 0; commands[i]; i++) {
		char name[96];
		snprintf(name, sizeof(name), "%s%s%s", commands[i]->group ? commands[i]->group : "",
			 commands[i]->group ? " " : "", commands[i]->name);
		bash_values(name, commands[i]->option, commands[i]->options);
	}
	puts("  esac\n"
	     "  case $prev in");
	for (size_t i = 0; i < common_option_count; i++) {
		const struct command_option *o = &common_options[i];
		printf("    --%s", o->name);
		if (o->letter)
			printf("|-%c", o->letter);
		printf(") words='");
		put_words(words_of(o));
		puts("'; kind=value ;;");
	}
	printf("  esac\n  options+='");
	bash_option_names(common_options, common_option_count);
	puts(" --help'");
}

static void bash(void)
{
	bash_head();
	bash_middle();
	puts("  if [[ $cur == -* && $kind != value ]]; then\n"
	     "    COMPREPLY=($(compgen -W \"$options\" -- \"$cur\"))\n"
	     "  elif [[ $kind == file ]]; then\n"
	     "    COMPREPLY=($(compgen -f -- \"$cur\"))\n"
	     "  else\n"
	     "    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
	     "  fi\n"
	     "}\n"
	     "complete -o filenames -F _sluicectl_bash sluicectl");
}

static void zsh(void)
{
	puts("#compdef sluicectl\n"
	     "# Completion of sluicectl for zsh; made by: sluicectl completion zsh\n"
	     "autoload -U +X bashcompinit && bashcompinit");
	bash();
	/* Loaded by zsh itself from its path, this file is the function's first call: answer it. */
	puts("[[ $funcstack[1] == _sluicectl ]] && _bash_complete -o filenames -F _sluicectl_bash");
}

/* ---- fish ---- */

static void put_quoted(const char *text)
{
	putchar('\'');
	for (; *text; text++) {
		if (*text == '\'' || *text == '\\')
			putchar('\\');
		putchar(*text);
	}
	putchar('\'');
}

static void fish_condition(const struct command *c)
{
	printf(" -n '__sluicectl_in %s%s%s'", c->group ? c->group : "", c->group ? " " : "",
	       c->name);
}

static void fish_option(const struct command *c, const struct command_option *o)
{
	printf("complete -c sluicectl");
	if (c)
		fish_condition(c);
	printf(" -l %s", o->name);
	if (o->letter)
		printf(" -s %c", o->letter);
	if (o->value)
		printf(takes_file(o) ? " -r -F" : " -x");
	if (words_of(o)) {
		printf(" -a '");
		put_words(words_of(o));
		putchar('\'');
	}
	printf(" -d ");
	put_quoted(o->help);
	putchar('\n');
}

/* `hints` where `test` holds of the command and what stands `behind` it. */
static void fish_argument(const struct command *c, const char *test, const char *hints,
			  const char *behind)
{
	printf("complete -c sluicectl -n '%s %s%s%s%s' -a '", test, c->group ? c->group : "",
	       c->group ? " " : "", c->name, behind);
	put_words(hints);
	puts("'");
}

static void fish_command(size_t i)
{
	const struct command *c = commands[i];
	if (begins_group(i)) {
		printf("complete -c sluicectl -n __sluicectl_at -a %s -d ",
		       c->group ? c->group : c->name);
		put_quoted(c->group ? "commands" : c->summary);
		putchar('\n');
	}
	if (c->group) {
		printf("complete -c sluicectl -n '__sluicectl_at %s' -a %s -d ", c->group, c->name);
		put_quoted(c->summary);
		putchar('\n');
	}
	if (c->arg2_hints) {
		fish_argument(c, "__sluicectl_at", c->arg_hints, "");
		const char *first = c->arg_hints;
		for (size_t len; *first; first += len + (first[len] == '|')) {
			char word[32];
			len = strcspn(first, "|");
			snprintf(word, sizeof(word), " %.*s", (int)len, first);
			fish_argument(c, "__sluicectl_at", c->arg2_hints, word);
		}
	} else if (c->arg_hints) {
		fish_argument(c, "__sluicectl_in", c->arg_hints, "");
	}
	if (c->args && c->arg_kind == ARG_FILE) {
		printf("complete -c sluicectl");
		fish_condition(c);
		puts(" -F");
	}
	for (size_t o = 0; o < c->options; o++)
		fish_option(c, &c->option[o]);
}

/* The words of the command so far, and whether they begin with or are certain ones. */
static void fish_head(void)
{
	puts("# Completion of sluicectl for fish; made by: sluicectl completion fish\n"
	     "function __sluicectl_words\n"
	     "    set -l skip 0\n"
	     "    for word in (commandline -opc)[2..-1]\n"
	     "        if test $skip = 1\n"
	     "            set skip 0\n"
	     "            continue\n"
	     "        end\n"
	     "        switch $word\n"
	     "            case --server --token --cacert --cert --key --output -o\n"
	     "                set skip 1\n"
	     "            case '-*'\n"
	     "            case '*'\n"
	     "                echo $word\n"
	     "        end\n"
	     "    end\n"
	     "end\n"
	     "function __sluicectl_at\n"
	     "    set -l words (__sluicectl_words)\n"
	     "    test \"$words\" = \"$argv\"\n"
	     "end\n"
	     "function __sluicectl_in\n"
	     "    set -l words (__sluicectl_words)\n"
	     "    set -l n (count $argv)\n"
	     "    test \"$words[1..$n]\" = \"$argv\"\n"
	     "end\n"
	     "complete -c sluicectl -f");
}

static void fish(void)
{
	fish_head();
	for (size_t i = 0; i < common_option_count; i++)
		fish_option(NULL, &common_options[i]);
	for (size_t i = 0; commands[i]; i++)
		fish_command(i);
}

static int run(struct ctl *ctl)
{
	static const struct {
		const char *name;
		void (*print)(void);
	} shells[] = {{"bash", bash}, {"zsh", zsh}, {"fish", fish}};
	for (size_t i = 0; i < countof(shells); i++)
		if (strcmp(ctl->args[0], shells[i].name) == 0) {
			shells[i].print();
			return CTL_DONE;
		}
	ctl_fail(CTL_USAGE, "there is no completion for \"%s\"", ctl->args[0]);
	ctl_next("choose bash, zsh or fish");
	return CTL_USAGE;
}

const struct command command_completion = {
	.name = "completion",
	.args = "SHELL",
	.args_min = 1,
	.args_max = 1,
	.arg_hints = "bash|zsh|fish",
	.summary = "Print the completion for a shell: bash, zsh or fish",
	.about = "Example:\n"
		 "  source <(sluicectl completion bash)",
	.offline = true,
	.run = run,
};
