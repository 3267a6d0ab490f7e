package httpapi

import (
	"encoding/json"
	"runtime"
)

// Version is which release serves.
type Version struct {
	Version string `json:"version"`
	API     string `json:"api"`
	Go      string `json:"go"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
}

func getVersion(s *Server, _ *call[none, none]) (Version, error) {
	return Version{s.o.Version, prefix[1:], runtime.Version(), runtime.GOOS, runtime.GOARCH}, nil
}

// Health is the answer of a server that is able to answer.
type Health struct {
	Status string `json:"status"`
}

func healthz(*Server, *call[none, none]) (Health, error) { return Health{"ok"}, nil }

// Document is an OpenAPI document.
type Document struct{ json.RawMessage }

func openAPI(s *Server, _ *call[none, none]) (Document, error) { return Document{s.document}, nil }
