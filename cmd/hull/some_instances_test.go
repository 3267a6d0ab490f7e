package main

import (
	"strings"
	"time"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/instance"
)

// testNow is when the tests run.
var testNow = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func before(d time.Duration) time.Time { return testNow.Add(-d) }

func someID(digit string) string { return strings.Repeat(digit, 64) }

// someInstances are one of each sort.
func someInstances() []manager.Summary {
	make := func(digit, name string, st instance.State) manager.Summary {
		return manager.Summary{
			Description: instance.Description{
				ID: someID(digit), Name: name, Created: before(5 * time.Hour), Machine: "name = \"" + name + "\"\n",
				Kernel: "debian-cloud", Command: []string{"/bin/sh"}, VCPUs: 2, Memory: 512 << 20, Restart: configs.RestartPolicy(configs.RestartNo),
			},
			State: st,
		}
	}
	live := func(s instance.Status) instance.State {
		return instance.State{Status: s, Started: before(3 * time.Minute)}
	}
	ended := instance.State{Status: instance.Exited, Exit: &instance.Exit{Code: 3, Reason: instance.PowerOff}, Started: before(time.Hour), Finished: before(5 * time.Second)}
	restarting := ended
	restarting.Exit, restarting.Restarting = &instance.Exit{Code: 1, Reason: instance.PowerOff}, true
	list := []manager.Summary{
		make("1", "web", live(instance.Running)),
		make("2", "db", live(instance.Paused)),
		make("3", "slow", live(instance.Stopping)),
		make("4", "loop", restarting),
		make("5", "new", instance.State{Status: instance.Created}),
		make("6", "done", ended),
		{Description: instance.Description{ID: someID("7")}, Problem: "description: unexpected end of JSON input"},
	}
	list[0].Ports = []string{"127.0.0.1:8080->80/tcp", "127.0.0.1:8443->443/tcp"}
	list[0].Command = []string{"sh", "-c", "exec httpd -f -p 80"}
	list[0].Labels = map[string]string{"team": "blue", "env": "test"}
	list[0].Size = 12_345_678
	list[1].Unconfined = true
	list[5].Ports = []string{"127.0.0.1:9000->9000/tcp"}
	return list
}
