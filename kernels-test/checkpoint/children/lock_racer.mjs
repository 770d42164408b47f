// fork lock_racer.mjs MODULE: for each folder in a message, tries to lock it and answers with what it was refused with, null if nothing
const { DirectoryLock } = await import(process.argv[2])
process.setMaxListeners(0) // every lock is kept
process.on('message', folder => {
  try {
    DirectoryLock.take(folder)
    process.send(null)
  } catch ({ message }) {
    process.send(message)
  }
})
process.send('ready')
