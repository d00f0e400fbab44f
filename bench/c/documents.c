#include "documents.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAD = 3300, SHORT_PAD = 900, HINT_PAD = 100, DECORATORS = 6 };

/* What a pad belongs to: each has another text. */
enum { OF_JOB = 1, OF_TASKSET, OF_FACTOR, OF_GATE };

/* Text as jobs carry it, commands with paths, names and ids: a store that shrinks what it keeps
 * shall save no more here than there (LZ4 leaves some 58 of 100 bytes; of a real pipeline's
 * request with a script in it 56, of a TaskSet of the manual 61). */
static const char *pad(unsigned of, size_t len)
{
	static const char *const word[] = {"--input /data/corpus/", "export SHARD_",
					   " && convert ",          "s3://models-eu/run-",
					   "--label team=",         "; test -s /out/",
					   " | sort -u > part-",    "image registry.local/"};
	static char text[PAD + 64];
	size_t at = 0;
	for (uint32_t random = of; at < len;) {
		random = random * 1664525 + 1013904223;
		const char *w = word[random >> 29];
		random = random * 1664525 + 1013904223;
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%08x%04x", w, random,
				       random * 2654435761u >> 16);
	}
	text[len] = '\0';
	return text;
}

static struct message message_of(const char *head, const char *body)
{
	struct message m = {.at = malloc(strlen(head) + strlen(body) + 128)};
	if (!m.at)
		die("malloc");
	m.len = (size_t)sprintf(
		m.at, "%s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", head,
		strlen(body), body);
	return m;
}

static void taskset(char *to, const char *labels, const char *priority)
{
	snprintf(to, DOCUMENT_MAX,
		 "{\"apiVersion\":\"sluice/"
		 "v1\",\"kind\":\"TaskSet\",\"metadata\":{\"name\":\"bench\","
		 "\"annotations\":{\"pad\":\"%s\"},\"labels\":{%s}},\"spec\":{\"engine\":\"null\","
		 "\"retryPolicy\":{\"retry\":false,\"delay\":0,\"maxRetryCount\":0},\"roles\":[{"
		 "\"name\":\"main\",\"replicas\":1,"
		 "\"completionPolicy\":{\"maxFailed\":1,\"minSucceeded\":1},"
		 "\"retryPolicy\":{\"retry\":false,\"delay\":0,\"maxRetryCount\":0},"
		 "\"eventPolicy\":[{\"event\":\"RoleFailed\",\"action\":\"TaskSetFailed\"},"
		 "{\"event\":\"RoleSucceeded\",\"action\":\"NoAction\"}],\"template\":{\"spec\":{%s"
		 "\"containers\":[{\"name\":\"main\",\"command\":[\"true\"]}]}}}]}}",
		 pad(OF_TASKSET, PAD), labels, priority);
}

/* The labels that decorators from `first` to `last` add. */
static void labels_of(char *to, size_t size, int first, int last)
{
	size_t at = 0;
	to[0] = '\0';
	for (int i = first; i <= last && at < size; i++)
		at += (size_t)snprintf(to + at, size - at, "%s\"label%d\":\"blue\"", at ? "," : "",
				       i);
}

static bool body_of(const char *stage, char *body)
{
	char labels[256] = "\"team\":\"blue\"";
	if (strcmp(stage, "translate") == 0) {
		taskset(body, "", "");
	} else if (strcmp(stage, "factor") == 0) {
		snprintf(body, DOCUMENT_MAX,
			 "{\"topic\":\"priority\",\"advice\":\"10\",\"reason\":\"%s\"}",
			 pad(OF_FACTOR, PAD));
	} else if (strcmp(stage, "hint") == 0) {
		snprintf(body, DOCUMENT_MAX,
			 "{\"topic\":\"size\",\"advice\":\"10\",\"reason\":\"%s\"}",
			 pad(OF_FACTOR, HINT_PAD));
	} else if (strcmp(stage, "gate") == 0 || strcmp(stage, "suspend") == 0) {
		snprintf(body, DOCUMENT_MAX, "{\"decision\":\"%s\",\"reason\":\"%s\"}",
			 stage[0] == 'g' ? "pass" : "suspend", pad(OF_GATE, SHORT_PAD));
	} else if (strcmp(stage, "decorate") == 0) {
		taskset(body, labels, "");
	} else if (strcmp(stage, "bind") == 0) {
		taskset(body, labels, "\"priority\":10,");
	} else if (strcmp(stage, "bindwide") == 0) {
		labels_of(labels, sizeof(labels), 1, DECORATORS);
		taskset(body, labels, "\"priority\":10,");
	} else if (strncmp(stage, "decorate", 8) == 0) {
		labels_of(labels, sizeof(labels), atoi(stage + 8), atoi(stage + 8));
		taskset(body, labels, "");
	} else {
		return false;
	}
	return true;
}

struct message answer_of(const char *stage)
{
	char body[DOCUMENT_MAX];
	if (!body_of(stage, body))
		return (struct message){0};
	return message_of("HTTP/1.1 200 OK", body);
}

static void add_call(struct calls *to, const char *manner, const char *stage, const char *body)
{
	char head[256];
	snprintf(head, sizeof(head), "POST /%s/%s HTTP/1.1\r\nHost: 127.0.0.1", manner, stage);
	to->at[to->n++] = message_of(head, body);
}

void calls_of(struct calls *ret, const char *manner, bool wide)
{
	static const char *const few[] = {"translate", "factor", "gate", "decorate", "bind"},
				 *const many[] = {"translate", "hint",      "hint",
						  "hint",      "hint",      "hint",
						  "hint",      "gate",      "gate",
						  "gate",      "decorate1", "decorate2",
						  "decorate3", "decorate4", "decorate5",
						  "decorate6", "bindwide"};
	char body[DOCUMENT_MAX];
	taskset(body, "", "");
	ret->n = 0;
	for (size_t i = 0; i < (wide ? sizeof(many) / sizeof(*many) : sizeof(few) / sizeof(*few));
	     i++)
		add_call(ret, manner, wide ? many[i] : few[i], body);
}

const char *job_kind_of(const char *kind) { return strcmp(kind, "true") == 0 ? "TaskSet" : kind; }

struct message submission_of(const char *path, const char *kind)
{
	char head[512], document[DOCUMENT_MAX], body[2 * DOCUMENT_MAX];
	if (strcmp(kind, "TaskSet") == 0)
		taskset(document, "", "");
	else if (strcmp(kind, "true") == 0)
		snprintf(document, sizeof(document),
			 "{\"kind\":\"TaskSet\",\"metadata\":{\"name\":\"true\"},\"spec\":{"
			 "\"roles\":["
			 "{\"name\":\"main\",\"template\":{\"spec\":{\"containers\":"
			 "[{\"command\":[\"/bin/true\"]}]}}}]}}");
	else
		snprintf(document, sizeof(document), "{\"kind\":\"%s\",\"pad\":\"%s\"}", kind,
			 pad(OF_JOB, PAD));
	snprintf(head, sizeof(head), "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\ntoken: admin", path);
	snprintf(body, sizeof(body),
		 "{\"userID\":\"bench\",\"jobName\":\"bench\",\"jobKind\":\"%s\",\"job\":%s}",
		 job_kind_of(kind), document);
	return message_of(head, body);
}
