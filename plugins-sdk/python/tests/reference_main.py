import reference

reference.make().main()
