import { h, render } from 'preact'
import './style/base.css'
import './style/run.css'
import './style/cases.css'
import { Board } from './board.ts'

render(h(Board, {}), document.getElementById('board')!)
