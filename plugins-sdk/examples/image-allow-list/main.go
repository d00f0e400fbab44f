// image-allow-list: only images of the list may run.
package main

import (
	"fmt"
	"os"

	sluice "sluice.example/plugin"
)

var list = &allowList{path: "allow.list"}

var app = sluice.App{Name: "image-allow-list", Author: "examples", Description: "only images of the list may run"}

func init() {
	app.Gate(func(call *sluice.Call) (sluice.GateAnswer, error) {
		images, err := imagesOf(call)
		if err != nil {
			return sluice.GateAnswer{}, err
		}
		patterns, err := list.read()
		if err != nil { // nothing runs unchecked: the job waits until the list can be read
			return sluice.GateAnswer{}, sluice.Unavailable(err.Error(), 5)
		}
		for _, one := range images {
			if !patterns.allow(one.image) {
				answer := sluice.Stop(fmt.Sprintf("%s: the image %q is not on the list of those that may run", one.place, one.image))
				answer.ReasonCode = "image_not_allowed"
				return answer, nil
			}
		}
		return sluice.Pass(fmt.Sprintf("images that may run: %d", len(images))), nil
	}, sluice.Settings{"sideEffects": "none"})
}

type found struct{ place, image string }

// imagesOf are the images of all containers, those that run first included. A container without
// one runs a command of the engine's machine: what that may be is not for this gate.
func imagesOf(call *sluice.Call) ([]found, error) {
	var images []found
	for i, pod := range call.Pods() {
		for _, kind := range []string{"initContainers", "containers", "ephemeralContainers"} {
			if pod[kind] == nil {
				continue
			}
			elements, is := pod[kind].([]any)
			if !is {
				return nil, sluice.Refuse("job.spec.roles[%d].template.spec.%s: must be a list", i, kind)
			}
			for j, element := range elements {
				place := fmt.Sprintf("job.spec.roles[%d].template.spec.%s[%d]", i, kind, j)
				container, is := element.(map[string]any)
				if !is {
					return nil, sluice.Refuse("%s: must be an object", place)
				}
				image, is := container["image"].(string)
				if container["image"] != nil && !is {
					return nil, sluice.Refuse("%s.image: must be a text", place)
				}
				if image != "" {
					images = append(images, found{place + ".image", image})
				}
			}
		}
	}
	return images, nil
}

func main() {
	if path := os.Getenv("IMAGE_ALLOW_LIST"); path != "" {
		list.path = path
	}
	if _, err := list.read(); err != nil {
		fmt.Fprintf(os.Stderr, "image-allow-list: %v; IMAGE_ALLOW_LIST names the file\n", err)
		os.Exit(1)
	}
	app.Main()
}
