module mooring.local/tools/pause

go 1.26
