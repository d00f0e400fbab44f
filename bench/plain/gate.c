/* The least gate in C: civetweb and json-c, nothing checked. Usage: gate PORT-FILE */
#include <civetweb.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int gate(struct mg_connection *peer, void *user)
{
	(void)user;
	char body[65536], head[256];
	long long len = mg_get_request_info(peer)->content_length, have = 0;
	while (have < len && len < (long long)sizeof body) {
		int got = mg_read(peer, body + have, (size_t)(len - have));
		if (got <= 0)
			return 400;
		have += got;
	}
	body[have] = '\0';
	struct json_object *call = json_tokener_parse(body), *header = NULL, *team = NULL;
	if (json_object_object_get_ex(call, "header", &header))
		json_object_object_get_ex(header, "team", &team);
	bool red = team && strcmp(json_object_get_string(team), "red") == 0;
	struct json_object *answer = json_object_new_object();
	json_object_object_add(answer, "decision", json_object_new_string(red ? "pass" : "stop"));
	json_object_object_add(answer, "reason", json_object_new_string("only team red"));
	const char *text = json_object_to_json_string(answer);
	int n = snprintf(head, sizeof head,
			 "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
			 "Content-Length: %zu\r\n\r\n%s",
			 strlen(text), text);
	mg_write(peer, head, (size_t)n);
	json_object_put(answer);
	json_object_put(call);
	return 200;
}

int main(int argc, char **argv)
{
	const char *settings[] = {
		"listening_ports", "127.0.0.1:0", "num_threads", "64", "enable_keep_alive", "yes",
		"tcp_nodelay",     "1",           NULL};
	struct mg_context *server = argc == 2 ? mg_start(NULL, NULL, settings) : NULL;
	struct mg_server_port port;
	FILE *file = server ? fopen(argv[1], "w") : NULL;
	if (!file || mg_get_server_ports(server, 1, &port) != 1)
		return 1;
	mg_set_request_handler(server, "/", gate, NULL);
	fprintf(file, "%d\n", port.port);
	fclose(file);
	pause();
	return 0;
}
