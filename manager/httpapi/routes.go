package httpapi

import (
	"net/http"
	"reflect"
	"slices"

	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/events"
	"github.com/hullvm/hull/manager/instance"
)

// prefix begins the paths of this version of the API.
const prefix = "/v1"

// atRoot are routes that are also there without the prefix, where those look who
// watch servers of any kind.
var atRoot = []string{"/healthz", "/metrics", "/openapi.json"}

// routes is the table.
func routes() []route {
	list := slices.Concat(instanceRoutes(), lifecycleRoutes(), snapshotRoutes(), migrationRoutes(), streamRoutes(), serverRoutes())
	for i := range list {
		path := list[i].path
		list[i].path = prefix + path
		if slices.Contains(atRoot, path) {
			again := list[i]
			again.path = path
			list = append(list, again)
		}
	}
	return list
}

func instanceRoutes() []route {
	return []route{
		unary("POST", "/instances", "Create an instance that does not run yet", create).status(http.StatusCreated).atMost(maxMachine),
		unary("GET", "/instances", "List instances, the newest first", list),
		unary("GET", "/instances/{ref}", "Say all that is known of an instance", inspect),
		unary("DELETE", "/instances/{ref}", "Remove an instance with its log", remove),
		unary("POST", "/instances/{ref}/rename", "Give an instance another name", rename),
		unary("POST", "/instances/{ref}/update", "Change what an instance may have", update),
		unary("GET", "/instances/{ref}/top", "List the processes of a running guest", top),
	}
}

func lifecycleRoutes() []route {
	return []route{
		unary("POST", "/instances/{ref}/start", "Run an instance; answers when its vCPUs are in the guest", start),
		unary("POST", "/instances/{ref}/stop", "Have the guest end, or end it where it does not; answers when it has ended", stop).lasting(),
		unary("POST", "/instances/{ref}/restart", "Stop an instance, and start it", restart).lasting(),
		unary("POST", "/instances/{ref}/kill", "End the machine, or send a signal to the guest's main process", kill),
		unary("POST", "/instances/{ref}/pause", "Hold the vCPUs", pause),
		unary("POST", "/instances/{ref}/unpause", "Let the vCPUs go on", unpause),
		unary("POST", "/instances/{ref}/wait", "Wait for an instance's end; answers with it", wait).lasting(),
	}
}

func streamRoutes() []route {
	upgraded := []answer{{status: http.StatusSwitchingProtocols, what: "the connection carries frames (docs/api.md)"}}
	return []route{
		streaming("GET", "/instances/{ref}/logs", "Read an instance's log",
			[]answer{{http.StatusOK, mediaLines, reflect.TypeFor[LogLine](), "a record, a warning or an error a line"}}, readLogs),
		streaming("GET", "/instances/{ref}/stats", "Measure a running instance", []answer{
			{http.StatusOK, mediaJSON, reflect.TypeFor[manager.Stats](), ""},
			{http.StatusOK, mediaLines, reflect.TypeFor[StatsLine](), "with stream=true: a measurement or an error a line"},
		}, stats),
		streaming("GET", "/instances/{ref}/archive", "Read a file or folder of the guest",
			[]answer{{http.StatusOK, mediaTar, nil, "a tar archive; one that is cut off ends the connection"}}, copyFrom),
		streaming("PUT", "/instances/{ref}/archive", "Unpack a tar archive into a folder of the guest",
			[]answer{{status: http.StatusNoContent}}, copyTo).takes(mediaTar),
		streaming("POST", "/instances/{ref}/attach", "Join the console", upgraded, attach).upgrading(),
		streaming("POST", "/instances/{ref}/exec", "Run a program in the guest", upgraded, execute).upgrading(),
		streaming("GET", "/events", "Follow what happens to instances",
			[]answer{{http.StatusOK, mediaEvents, reflect.TypeFor[events.Event](), "the data of each event"}}, readEvents).
			reads("Last-Event-ID", "the id of the last event that the client has: what came after it is sent"),
	}
}

func serverRoutes() []route {
	return []route{
		unary("GET", "/version", "Say which release serves", getVersion),
		unary("GET", "/healthz", "Answer, where the server is able to", healthz),
		streaming("GET", "/metrics", "Measurements for Prometheus",
			[]answer{{http.StatusOK, mediaText, nil, "Prometheus' text format"}}, metrics),
		unary("GET", "/openapi.json", "This document", openAPI),
	}
}

// enums are the words of types that have a list of them.
var enums = map[reflect.Type][]string{
	reflect.TypeFor[instance.Kind](): kindWords(),
	reflect.TypeFor[manager.Side]():  {string(manager.SideSource), string(manager.SideTarget)},
}

func kindWords() []string {
	var words []string
	for k := range statuses {
		words = append(words, string(k))
	}
	slices.Sort(words)
	return words
}
