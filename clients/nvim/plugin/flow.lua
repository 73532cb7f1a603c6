-- `:Flow` and a folder for what it opens, and nothing else, until it is used or
-- `require("flow").setup()` is called.
if vim.g.loaded_flow then
  return
end
vim.g.loaded_flow = true

vim.api.nvim_create_user_command("Flow", function(command)
  require("flow.commands").execute(command)
end, {
  nargs = "+",
  range = true,
  complete = function(lead, line)
    return require("flow.commands").complete(lead, line)
  end,
  desc = "Suggest, run, follow and undo workflows",
})

vim.api.nvim_create_autocmd("BufWritePre", {
  group = vim.api.nvim_create_augroup("flow-folder", { clear = true }),
  pattern = { "*/.flow/*.flow.yaml" },
  callback = function(event)
    vim.fn.mkdir(vim.fs.dirname(event.match), "p")
  end,
  desc = "Make the folder of a suggested workflow, so that :write can save it",
})
